//! Runs as text: the reader, or a test, says what happens next.
//!
//! A script is a list of commands, one a line, each naming something that can happen:
//!
//! | command | does |
//! |---|---|
//! | `deliver coord stock` | delivers the first message on that link (`deliver coord stock 2`: the second); `deliver coord coord`: what it sent itself |
//! | `lose coord stock` | loses it |
//! | `duplicate coord stock` | delivers it and leaves a copy on the way |
//! | `timeout web-1` | lets that node's first armed timer expire (`timeout web-1 2`: the second) |
//! | `disconnect web-1 coord` | ends the client's connection to that server |
//! | `crash pay` | the process dies |
//! | `crash coord after 2 deliver pay coord` | it dies after so many effects of that step |
//! | `crash pay forgetting 2` | it dies, and its lying disk loses its two newest records |
//! | `restart pay` | it starts with what its disk kept; so does a spare for the first time |
//! | `wipe pay` | its disk is emptied while it is down |
//! | `run` | delivers everything that is on the way, first link first, until nothing is |
//! | `state` | prints each node's state |
//!
//! Feature `script` makes these scripts golden (with the `goldenscript` crate): the recorded output
//! stands below each block of commands, and a test compares.

use std::sync::Arc;
use std::time::Duration;

use crate::event::Log;
use crate::explore::{Limits, Model, log_on};
use crate::node::{NodeId, Protocol};
use crate::record::Recorder;
use crate::world::{Action, Envelope, Ghost, Transition, Wire, World};

/// A run of `run` ends here: a world that never falls quiet is a broken script.
const MOST_DELIVERIES: usize = 10_000;

/// A world that takes commands.
#[derive(Clone, Debug)]
pub struct Play<P: Protocol, G> {
    model: Model<P, G>,
    world: World<P, G>,
    recorder: Recorder,
}

impl<P: Protocol, G: Ghost> Play<P, G> {
    /// All nodes started but spares, nothing delivered. The network is a bag.
    #[must_use]
    pub fn new(model: Model<P, G>, title: &str) -> Self {
        let topology = model.topology(Wire::Bag, false);
        let mut recorder = Recorder::new(title, &topology);
        let world = World::new(topology, &mut recorder);
        Self { model, world, recorder }
    }

    /// The world as it is.
    #[must_use]
    pub fn world(&self) -> &World<P, G> {
        &self.world
    }

    /// The events so far; a broken property ends them.
    #[must_use]
    pub fn into_log(mut self) -> Log {
        if let Some(broken) = self.model.broken(&self.world) {
            self.recorder.violation(broken.property, &broken.why);
        }
        self.recorder.into_log()
    }

    /// Runs all commands of a text; empty lines and lines with `#` in front are skipped.
    ///
    /// # Errors
    /// The first command that is not known or cannot happen, with its line number.
    pub fn run(mut self, script: &str) -> Result<Self, String> {
        for (number, line) in script.lines().enumerate() {
            let line = line.trim();
            if !line.is_empty() && !line.starts_with('#') {
                let at_line = |why| format!("line {}: `{line}`: {why}", number + 1);
                self.command(line).map_err(at_line)?;
            }
        }
        Ok(self)
    }

    /// Runs those commands of a text that can happen, and leaves the others out: for nodes that may
    /// send less, or more, than the ones for which it was written.
    #[must_use]
    pub fn follow(mut self, script: &str) -> Self {
        for line in script.lines() {
            // What cannot happen leaves the world as it is.
            let _ = self.command(line.trim());
        }
        self
    }

    /// Goes on with these actions, on the network and the disks of these limits; gives the whole log.
    #[must_use]
    pub fn log_with(self, limits: &Limits, path: &[Action<P>]) -> Log {
        let world = self.world.within(&self.model.shown(limits));
        log_on(&self.model, self.recorder, world, path).0
    }

    /// Runs one command and returns what it printed beside events.
    ///
    /// # Errors
    /// Why it is not known or cannot happen.
    pub fn command(&mut self, line: &str) -> Result<String, String> {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words.as_slice() {
            ["run"] => self.run_until_quiet().map(|()| String::new()),
            ["state"] => Ok(self.state()),
            ["crash", node, "after", count, rest @ ..] => {
                let cut =
                    count.parse().map_err(|_| format!("{count} is not a number of effects"))?;
                let transition = self.transition(rest)?;
                if transition.node() != Some(self.id(node)?) {
                    return Err(format!("that step is not one of {node}"));
                }
                self.apply(Action { transition, cut: Some(cut) })
            }
            words => {
                let transition = self.transition(words)?;
                self.apply(Action::new(transition))
            }
        }
    }

    fn transition(&self, words: &[&str]) -> Result<Transition<P>, String> {
        Ok(match words {
            ["deliver", node, itself] if node == itself => Transition::SelfDelivery(self.id(node)?),
            ["deliver", from, to, rest @ ..] => {
                Transition::Deliver { envelope: self.message(from, to, rest)?, keep: false }
            }
            ["duplicate", from, to, rest @ ..] => {
                Transition::Deliver { envelope: self.message(from, to, rest)?, keep: true }
            }
            ["lose", from, to, rest @ ..] => Transition::Lose(self.message(from, to, rest)?),
            ["timeout", node, rest @ ..] => {
                let id = self.id(node)?;
                let place = place(rest)?;
                let timer = self.world.host(id).timers.iter().nth(place);
                Transition::Timeout(
                    id,
                    timer.cloned().ok_or(format!("{node} has no such timer armed"))?,
                )
            }
            ["disconnect", client, server] => {
                let (node, client) = (self.id(server)?, self.id(client)?);
                Transition::Disconnected { node, client }
            }
            ["crash", node] => Transition::Crash { node: self.id(node)?, forget: 0 },
            ["crash", node, "forgetting", count] => {
                let forget =
                    count.parse().map_err(|_| format!("{count} is not a number of records"))?;
                Transition::Crash { node: self.id(node)?, forget }
            }
            ["restart", node] => Transition::Restart(self.id(node)?),
            ["wipe", node] => Transition::Wipe(self.id(node)?),
            _ => {
                let known = "deliver, lose, duplicate, timeout, disconnect, crash, restart, wipe, run, \
                             state";
                return Err(format!("not a command; known are {known}"));
            }
        })
    }

    fn apply(&mut self, action: Action<P>) -> Result<String, String> {
        if !self.world.can(&action.transition) {
            return Err("this cannot happen now".into());
        }
        self.world.apply(&action, Duration::ZERO, &mut self.recorder);
        Ok(String::new())
    }

    fn run_until_quiet(&mut self) -> Result<(), String> {
        for _ in 0..MOST_DELIVERIES {
            let Some(transition) = self.world.next_delivery() else { return Ok(()) };
            self.apply(Action::new(transition))?;
        }
        Err(format!("still not quiet after {MOST_DELIVERIES} deliveries"))
    }

    fn state(&self) -> String {
        let roles = self.world.topology().roles.iter();
        roles.map(|role| format!("{}: {}\n", role.name, self.world.line(role.id))).collect()
    }

    fn message(
        &self,
        from: &str,
        to: &str,
        rest: &[&str],
    ) -> Result<Arc<Envelope<P::Msg>>, String> {
        let (sender, receiver, place) = (self.id(from)?, self.id(to)?, place(rest)?);
        let link = |m: &&Arc<Envelope<P::Msg>>| m.from == sender && m.to == receiver;
        let found = self.world.network().in_flight().filter(link).nth(place);
        found.cloned().ok_or(format!("no such message is on its way from {from} to {to}"))
    }

    fn id(&self, name: &str) -> Result<NodeId, String> {
        let roles = &self.world.topology().roles;
        roles.iter().find(|role| role.name == name).map(|role| role.id).ok_or_else(|| {
            let names: Vec<_> = roles.iter().map(|role| role.name).collect();
            format!("no node is called {name}; there are {}", names.join(", "))
        })
    }
}

/// `[]` is the first, `["2"]` the second.
fn place(rest: &[&str]) -> Result<usize, String> {
    match rest {
        [] => Ok(0),
        [number] => {
            let number: usize = number.parse().map_err(|_| format!("{number} is not a number"))?;
            number.checked_sub(1).ok_or_else(|| "counting starts at 1".into())
        }
        _ => Err("too many words".into()),
    }
}

/// An event as a script shows it.
#[cfg(feature = "script")]
fn shown(event: &crate::event::Event) -> String {
    use crate::event::Kind;
    let (node, mark, text) = (&event.node, event.kind.mark(), &event.text);
    match (&event.kind, &event.peer) {
        (Kind::Send, Some(peer)) => format!("{node} {mark} {peer}  {text}\n"),
        (_, Some(peer)) => format!("{peer} {mark} {node}  {text}\n"),
        (_, None) => format!("{} {mark} {text}", node).trim_end().to_owned() + "\n",
    }
}

#[cfg(feature = "script")]
impl<P: Protocol, G: Ghost> goldenscript::Runner for Play<P, G> {
    type Command = goldenscript::Command;

    fn run(
        &mut self,
        command: &goldenscript::Command,
        _context: &goldenscript::Context,
    ) -> Result<String, Box<dyn std::error::Error>> {
        let words = command.args.iter().map(ToString::to_string);
        let words: Vec<String> = std::iter::once(command.name.clone()).chain(words).collect();
        let before = self.recorder.len();
        let said = self.command(&words.join(" "))?;
        let events = self.recorder.clone().into_log().events;
        let broken = self.model.broken(&self.world);
        let broken = broken.map(|b| format!("unsafe: {}: {}\n", b.property, b.why));
        let happened: String = events[before..].iter().map(shown).collect();
        Ok(happened + &said + &broken.unwrap_or_default())
    }
}

/// Runs a golden script and returns it with the output that its commands have now.
///
/// # Errors
/// What the script language does not know, in words.
#[cfg(feature = "script")]
pub fn golden<P: Protocol, G: Ghost>(mut play: Play<P, G>, script: &str) -> Result<String, String> {
    goldenscript::generate(&mut play, script).map_err(|error| error.to_string())
}

/// Scripts are not built in: the feature `script` is off.
///
/// # Errors
/// Always, saying so.
#[cfg(not(feature = "script"))]
pub fn golden<P: Protocol, G>(_play: Play<P, G>, _script: &str) -> Result<String, String> {
    Err("golden scripts need the feature `script` of `lab`".into())
}
