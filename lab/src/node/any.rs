//! Any node of a protocol, behind one pointer.

use std::any::Any;
use std::fmt::{self, Debug};
use std::hash::{Hash, Hasher};

use super::{Cx, Input, Node, Protocol};
use crate::fingerprint::fingerprint;

/// A node of which only the protocol is known. It is a node itself, so it can be wrapped, copied,
/// compared and hashed like any other.
pub struct AnyNode<P: Protocol>(Box<dyn DynNode<P>>);

/// What [`Node`] asks for, in a form that fits behind a pointer.
trait DynNode<P: Protocol>: Send + Sync {
    fn step(&mut self, input: Input<P>, cx: &mut Cx<'_, P>);
    fn summary(&self) -> P::Summary;
    fn copy(&self) -> Box<dyn DynNode<P>>;
    fn equals(&self, other: &dyn Any) -> bool;
    fn print(&self) -> u128;
    fn debug(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result;
    fn as_any(&self) -> &dyn Any;
}

impl<P: Protocol, N: Node<Protocol = P>> DynNode<P> for N {
    fn step(&mut self, input: Input<P>, cx: &mut Cx<'_, P>) {
        Node::step(self, input, cx);
    }

    fn summary(&self) -> P::Summary {
        Node::summary(self)
    }

    fn copy(&self) -> Box<dyn DynNode<P>> {
        Box::new(self.clone())
    }

    fn equals(&self, other: &dyn Any) -> bool {
        other.downcast_ref::<N>() == Some(self)
    }

    // Hashed here, where the type is known, and not field by field through a pointer.
    fn print(&self) -> u128 {
        fingerprint(self)
    }

    fn debug(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Debug::fmt(self, f)
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl<P: Protocol> AnyNode<P> {
    /// Hides which node it is.
    #[must_use]
    pub fn new<N: Node<Protocol = P>>(node: N) -> Self {
        Self(Box::new(node))
    }

    /// The node, if it is one of this type.
    #[must_use]
    pub fn downcast_ref<N: Node<Protocol = P>>(&self) -> Option<&N> {
        self.0.as_any().downcast_ref()
    }
}

impl<P: Protocol> Node for AnyNode<P> {
    type Protocol = P;

    fn step(&mut self, input: Input<P>, cx: &mut Cx<'_, P>) {
        self.0.step(input, cx);
    }

    fn summary(&self) -> P::Summary {
        self.0.summary()
    }
}

impl<P: Protocol> Clone for AnyNode<P> {
    fn clone(&self) -> Self {
        Self(self.0.copy())
    }
}

impl<P: Protocol> PartialEq for AnyNode<P> {
    fn eq(&self, other: &Self) -> bool {
        self.0.equals(other.0.as_any())
    }
}

impl<P: Protocol> Eq for AnyNode<P> {}

impl<P: Protocol> Hash for AnyNode<P> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u128(self.0.print());
    }
}

impl<P: Protocol> Debug for AnyNode<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.debug(f)
    }
}
