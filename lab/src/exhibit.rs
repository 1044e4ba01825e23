//! One call at a time: how the page drives the very code that the tests check.
//!
//! A call is JSON and carries the whole path from the first state (or the end of the opening), so a server keeps nothing between
//! calls and a link is a list of numbers.
//!
//! | call | asks | answer |
//! |---|---|---|
//! | `view` | the state after this path | `nodes`, `lamp`, `choices`, `events`, `finished` |
//! | `search` | to go on with the search of all states for a moment | `states`, `done` |
//! | `hint` | which choice leads to the nearest broken state | `index`, `distance` (`null`: none does), `capped` |
//! | `show` | a shortest path there from here | `path`, `capped` |
//! | `proof` | whether there is any broken state | `states`, `unsafe`, `stuck`, `capped` |
//!
//! `hint`, `show` and `proof` rest on one search of all states, made once for all pages that show this
//! exhibit. A page asks for it with `search`, again and again, as soon as it opens; so there is progress
//! to show, an answer is ready when a button is pressed, and after the last page has closed no page
//! asks any more, and the search stands still. The other three calls finish it if it is not done.
//!
//! A search that reached its limit on states says `capped`: then `unsafe` counts what was found so
//! far, `stuck` is `null` (a state that was not expanded is no state that is stuck), and from a state
//! that it does not know a hint searches forwards, to a limit of its own.

use std::collections::HashMap;
use std::sync::{Mutex, OnceLock};
use std::time::Duration;

use serde_json::{Value, json};

use crate::explore::{Edge, Limits, Model, Report, Search, enabled};
use crate::node::Protocol;
use crate::record::Recorder;
use crate::script::Play;
use crate::world::{Action, Ghost, Transition, World};

/// A longer path than this is no path that a reader clicked.
const MOST_MOVES: usize = 200;

/// A call of `search` goes on for so many states: some ten milliseconds.
const ROUND: usize = 20_000;

/// From a state that a capped search does not know, a hint looks at so many.
const FORWARD: usize = 20_000;

/// A small world behind a page, with what a search of all its states found.
pub struct Exhibit<P: Protocol, G> {
    model: Model<P, G>,
    limits: Limits,
    opening: &'static str,
    search: Mutex<Option<Search<P, G>>>,
    known: OnceLock<Known>,
}

struct Known {
    /// For each state, by fingerprint, the steps to the nearest broken one.
    distances: HashMap<u128, u32>,
    states: usize,
    broken: usize,
    /// States that are not broken, from which the system by itself, without a restart, never gets
    /// where it should. `None` if the search stopped at its limit.
    stuck: Option<usize>,
}

/// What the page offers: no crash in the middle of a step.
const OFFERED: [Edge; 3] = [Edge::Work, Edge::Restart, Edge::Fault];

impl Known {
    fn of<P: Protocol>(report: &Report<P>) -> Self {
        let graph = &report.graph;
        let distances = graph.prints().iter().zip(graph.distances_to_broken(&OFFERED));
        // A search ends at a broken state: it does not know what would come after it.
        let stuck = graph.stuck(&[Edge::Work]).into_iter();
        let stuck = stuck.filter(|state| graph.broken().binary_search(state).is_err());
        Self {
            distances: distances.filter_map(|(print, far)| Some((*print, far?))).collect(),
            states: graph.states(),
            broken: report.unsafe_states,
            stuck: (!report.gave_up).then(|| stuck.count()),
        }
    }
}

impl<P: Protocol, G: Ghost> Exhibit<P, G> {
    /// A model within limits; the search must not stop at the first broken state.
    #[must_use]
    pub fn new(model: Model<P, G>, limits: Limits) -> Self {
        let limits = Limits { stop_when_unsafe: false, edges: true, ..limits };
        Self { model, limits, opening: "", search: Mutex::default(), known: OnceLock::new() }
    }

    /// The same, but it begins at the end of this script: for a world whose first moves are the same
    /// for all readers, and that has too many states from its first one. The script must fit the model.
    #[must_use]
    pub fn opening(self, script: &'static str) -> Self {
        Self { opening: script, ..self }
    }

    /// Answers one call; what is wrong with it comes as `{"error": …}`.
    #[must_use]
    pub fn call(&self, request: &Value) -> Value {
        self.try_call(request).unwrap_or_else(|why| json!({ "error": why }))
    }

    fn try_call(&self, request: &Value) -> Result<Value, String> {
        let path = path_of(request)?;
        match request.get("call").and_then(Value::as_str) {
            Some("view") => self.view(&path),
            Some("search") => Ok(self.search()),
            Some("hint") => self.hint(&path),
            Some("show") => self.show(&path),
            Some("proof") => Ok(self.proof()),
            _ => Err("`call` must be view, search, hint, show or proof".into()),
        }
    }

    fn view(&self, path: &[usize]) -> Result<Value, String> {
        let mut recorder = Recorder::new("", &self.model.shown(&self.limits));
        let mut world = self.first();
        let mut before = world.clone();
        for &index in path {
            before = world.clone();
            self.go(&mut world, index, &mut recorder)?;
        }
        let roles = self.model.roles.iter();
        let nodes = roles.map(|role| {
            let state = world.line(role.id);
            let changed = state != before.line(role.id);
            json!({ "name": role.name, "role": role.role, "up": world.is_up(role.id),
                    "state": state, "changed": changed })
        });
        let nodes: Vec<Value> = nodes.collect();
        let broken = self.model.broken(&world);
        let lamp = broken.as_ref().map_or_else(
            || json!({ "ok": true, "property": "", "why": "" }),
            |broken| json!({ "ok": false, "property": broken.property, "why": broken.why }),
        );
        let choices: Vec<Value> = self
            .choices(&world)
            .iter()
            .enumerate()
            .map(|(index, transition)| {
                let (kind, words) = self.words(transition);
                json!({ "index": index, "kind": kind, "words": words })
            })
            .collect();
        let finished = choices.is_empty() || broken.is_some();
        let events = recorder.into_log().events;
        Ok(json!({ "nodes": nodes, "lamp": lamp, "choices": choices, "events": events,
                   "finished": finished }))
    }

    fn hint(&self, path: &[usize]) -> Result<Value, String> {
        let world = self.after(path)?;
        Ok(match self.nearest(&world) {
            Some((index, distance)) => {
                json!({ "index": index, "distance": distance, "capped": self.capped() })
            }
            None => json!({ "distance": null, "capped": self.capped() }),
        })
    }

    fn show(&self, path: &[usize]) -> Result<Value, String> {
        let mut world = self.after(path)?;
        let mut path = path.to_vec();
        while self.model.broken(&world).is_none() && path.len() < MOST_MOVES {
            let Some((index, _)) = self.nearest(&world) else { break };
            self.go(&mut world, index, &mut Recorder::default())?;
            path.push(index);
        }
        Ok(json!({ "path": path, "capped": self.capped() }))
    }

    fn proof(&self) -> Value {
        let known = self.known();
        json!({ "states": known.states, "unsafe": known.broken, "stuck": known.stuck,
                "capped": self.capped() })
    }

    fn capped(&self) -> bool {
        self.known().stuck.is_none()
    }

    /// The choice that leads closest to a broken state, and how far that then is from here.
    fn nearest(&self, world: &World<P, G>) -> Option<(usize, u32)> {
        let known = self.known();
        let distance = |transition: &Transition<P>| {
            let mut next = world.clone();
            self.apply(&mut next, transition, &mut Recorder::default());
            known.distances.get(&self.model.fingerprint(&next)).copied()
        };
        let choices = self.choices(world);
        let reachable = choices.iter().enumerate().filter_map(|(i, to)| Some((i, distance(to)?)));
        let nearest = reachable.min_by_key(|(_, distance)| *distance);
        match nearest.map(|(i, distance)| (i, distance + 1)) {
            None if known.stuck.is_none() => self.nearest_forwards(world, &choices),
            nearest => nearest,
        }
    }

    /// The same by a search of its own, without crashes in the middle of a step: the page offers none.
    fn nearest_forwards(
        &self,
        world: &World<P, G>,
        choices: &[Transition<P>],
    ) -> Option<(usize, u32)> {
        let (stop_when_unsafe, edges, cuts) = (true, false, false);
        let limits = Limits { stop_when_unsafe, edges, cuts, states: FORWARD, ..self.limits };
        let violation = Search::from_world(&self.model, &limits, world).finish().violation?;
        let first = violation.path.first()?;
        let index = choices.iter().position(|choice| *choice == first.transition)?;
        Some((index, violation.path.len() as u32))
    }

    /// Goes on for a round.
    fn search(&self) -> Value {
        let states = self.round();
        let done = self.known.get().is_some();
        json!({ "states": self.known.get().map_or(states, |known| known.states), "done": done })
    }

    /// Goes on with the search, the same one for every caller. Gives how many states it has found.
    fn round(&self) -> usize {
        let mut search = self.search.lock().expect("no search panicked");
        if let Some(known) = self.known.get() {
            return known.states;
        }
        let first = || Search::from_world(&self.model, &self.limits, &self.first());
        let going = search.get_or_insert_with(first);
        let is_over = going.advance(ROUND);
        let states = going.states();
        if is_over && let Some(search) = search.take() {
            self.known.get_or_init(|| Known::of(&search.into_report()));
        }
        states
    }

    fn known(&self) -> &Known {
        loop {
            match self.known.get() {
                Some(known) => return known,
                None => self.round(),
            };
        }
    }

    /// What the reader may pick, the system's own work first, faults last.
    fn choices(&self, world: &World<P, G>) -> Vec<Transition<P>> {
        if self.model.broken(world).is_some() {
            return Vec::new();
        }
        let mut found = enabled(world, &self.limits).0;
        found.sort_by_key(Transition::is_fault);
        found
    }

    fn words(&self, transition: &Transition<P>) -> (&'static str, String) {
        let name = |id| {
            let role = self.model.roles.iter().find(|role| role.id == id);
            role.map_or_else(|| format!("{id}"), |role| role.name.to_owned())
        };
        match transition {
            Transition::Deliver { envelope, keep } => {
                let (from, to) = (name(envelope.from), name(envelope.to));
                let words = format!("deliver *{}* from `{from}` to `{to}`", envelope.msg);
                if *keep {
                    ("duplicate", words + ", and keep a copy on the way")
                } else {
                    ("receive", words)
                }
            }
            Transition::Lose(envelope) => {
                ("lose", format!("lose *{}* on its way to `{}`", envelope.msg, name(envelope.to)))
            }
            Transition::SelfDelivery(id) => {
                ("receive", format!("deliver what `{}` sent itself", name(*id)))
            }
            Transition::Timeout(id, timer) => {
                ("timeout", format!("a timer of `{}` expires: *{timer}*", name(*id)))
            }
            Transition::Flush(id) => ("persist", format!("the disk of `{}` is done", name(*id))),
            Transition::Disconnected { node, client } => {
                let (client, node) = (name(*client), name(*node));
                ("disconnected", format!("end the connection of `{client}` to `{node}`"))
            }
            Transition::Crash { node, forget: 0 } => ("crash", format!("crash `{}`", name(*node))),
            Transition::Crash { node, forget } => {
                let node = name(*node);
                ("crash", format!("crash `{node}`, and its disk forgets {forget} records"))
            }
            Transition::Restart(id) => ("restart", format!("restart `{}`", name(*id))),
            Transition::Wipe(id) => ("wipe", format!("wipe the disk of `{}`", name(*id))),
        }
    }

    fn first(&self) -> World<P, G> {
        let topology = self.model.shown(&self.limits);
        if self.opening.is_empty() {
            return World::new(topology, &mut ());
        }
        let played = Play::new(self.model.clone(), "").run(self.opening);
        let played = played.unwrap_or_else(|why| panic!("the opening of an exhibit: {why}"));
        played.world().within(&topology)
    }

    fn after(&self, path: &[usize]) -> Result<World<P, G>, String> {
        let mut world = self.first();
        for &index in path {
            self.go(&mut world, index, &mut Recorder::default())?;
        }
        Ok(world)
    }

    fn go(
        &self,
        world: &mut World<P, G>,
        index: usize,
        recorder: &mut Recorder,
    ) -> Result<(), String> {
        let choices = self.choices(world);
        let transition = choices.get(index).ok_or("this path does not exist here")?;
        self.apply(world, transition, recorder);
        Ok(())
    }

    fn apply(&self, world: &mut World<P, G>, transition: &Transition<P>, recorder: &mut Recorder) {
        world.apply(&Action::new(transition.clone()), Duration::ZERO, recorder);
        if self.limits.timeouts.is_some() && matches!(transition, Transition::Timeout(..)) {
            world.spend_timeout();
        }
    }
}

fn path_of(request: &Value) -> Result<Vec<usize>, String> {
    let Some(path) = request.get("path") else { return Ok(Vec::new()) };
    let path: Vec<usize> = serde_json::from_value(path.clone())
        .map_err(|_| "`path` must be a list of whole numbers".to_owned())?;
    if path.len() > MOST_MOVES {
        return Err(format!("`path` must have at most {MOST_MOVES} moves"));
    }
    Ok(path)
}
