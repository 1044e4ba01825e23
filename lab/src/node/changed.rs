//! A node with something changed from outside.

use std::hash::{Hash, Hasher};

use super::{AnyNode, Cx, Effect, Input, Node, NodeId, Protocol};

/// A node of which functions change what it takes and what it asks for. For what is *almost* a design: a
/// disk that keeps less, a message that says less. It is told from others of its kind by the node
/// inside, so all that play one role have to have the same functions.
#[derive(Clone, Debug)]
pub struct Changed<P: Protocol> {
    node: AnyNode<P>,
    takes: fn(Input<P>, NodeId) -> Input<P>,
    asks: fn(Effect<P>) -> Option<Effect<P>>,
}

impl<P: Protocol> Changed<P> {
    /// A node with nothing changed yet.
    #[must_use]
    pub fn new(node: AnyNode<P>) -> Self {
        Self { node, takes: |input, _| input, asks: Some }
    }

    /// The same, and it takes what this makes of an input; `me` is its own id.
    #[must_use]
    pub fn takes(self, takes: fn(Input<P>, NodeId) -> Input<P>) -> Self {
        Self { takes, ..self }
    }

    /// The same, and it asks for what this leaves of an effect.
    #[must_use]
    pub fn asks(self, asks: fn(Effect<P>) -> Option<Effect<P>>) -> Self {
        Self { asks, ..self }
    }
}

impl<P: Protocol> Node for Changed<P> {
    type Protocol = P;

    fn step(&mut self, input: Input<P>, cx: &mut Cx<'_, P>) {
        let input = (self.takes)(input, cx.me());
        let effects = cx.capture(|cx| self.node.step(input, cx));
        effects.into_iter().filter_map(self.asks).for_each(|effect| cx.push(effect));
    }

    fn summary(&self) -> P::Summary {
        self.node.summary()
    }
}

impl<P: Protocol> PartialEq for Changed<P> {
    fn eq(&self, other: &Self) -> bool {
        self.node == other.node
    }
}

impl<P: Protocol> Eq for Changed<P> {}

impl<P: Protocol> Hash for Changed<P> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.node.hash(state);
    }
}
