//! One call at a time: how the page drives the very code that the tests check.
//!
//! A call is JSON and carries the whole path from the first state, so a server keeps nothing between
//! calls and a link is a list of numbers.
//!
//! | call | asks | answer |
//! |---|---|---|
//! | `view` | what is, after this path? | `cast`, `lamp`, `choices`, `events`, `finished` |
//! | `hint` | which choice leads to the nearest broken state? | `index`, `distance` (`null`: none does) |
//! | `show` | what is the shortest way there from here? | `path` |
//! | `proof` | is there any broken state? | `states`, `unsafe`, `stuck` |

use std::collections::HashMap;
use std::sync::OnceLock;
use std::time::Duration;

use serde_json::{Value, json};

use crate::explore::{Edge, Limits, Model, enabled, explore};
use crate::node::Node;
use crate::record::Recorder;
use crate::world::{Action, What, World};

/// A longer path than this is no path that anybody clicked.
const MOST_MOVES: usize = 200;

/// A small world behind a page, with its whole graph once somebody asks for a hint.
#[derive(Debug)]
pub struct Exhibit<N: Node, G> {
    model: Model<N, G>,
    limits: Limits,
    /// For each state, by fingerprint, the steps to the nearest broken one.
    known: OnceLock<Known>,
}

#[derive(Debug)]
struct Known {
    distances: HashMap<u128, u32>,
    states: usize,
    broken: usize,
    stuck: usize,
}

impl<N, G> Exhibit<N, G>
where
    N: Node,
    G: Clone + Eq + std::hash::Hash + Default + Send + Sync,
{
    /// A model within limits; the search must not stop at the first broken state.
    #[must_use]
    pub fn new(model: Model<N, G>, limits: Limits) -> Self {
        Self { model, limits: Limits { stop_when_unsafe: false, ..limits }, known: OnceLock::new() }
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
            Some("hint") => self.hint(&path),
            Some("show") => self.show(&path),
            Some("proof") => Ok(self.proof()),
            _ => Err("`call` must be view, hint, show or proof".into()),
        }
    }

    fn view(&self, path: &[usize]) -> Result<Value, String> {
        let mut recorder = Recorder::new("", &self.model.stage(self.limits.wire, false));
        let mut world = self.first();
        let mut before = world.clone();
        for &index in path {
            before = world.clone();
            self.go(&mut world, index, &mut recorder)?;
        }
        let describe = |world: &World<N, G>, id| {
            world.node(id).map_or_else(|| "down".into(), self.model.describe)
        };
        let cast: Vec<Value> = self
            .model
            .roles
            .iter()
            .map(|role| {
                let state = describe(&world, role.id);
                let changed = state != describe(&before, role.id);
                let up = world.node(role.id).is_some();
                json!({ "name": role.name, "role": role.role, "up": up, "state": state,
                        "changed": changed })
            })
            .collect();
        let broken = self.model.broken(&world);
        let lamp = broken.as_ref().map_or_else(
            || json!({ "ok": true, "property": "", "why": "" }),
            |broken| json!({ "ok": false, "property": broken.property, "why": broken.why }),
        );
        let choices: Vec<Value> = self
            .choices(&world)
            .iter()
            .enumerate()
            .map(|(index, what)| {
                let (kind, words) = self.words(what);
                json!({ "index": index, "kind": kind, "words": words })
            })
            .collect();
        let finished = choices.is_empty() || broken.is_some();
        let events = recorder.into_log().events;
        Ok(json!({ "cast": cast, "lamp": lamp, "choices": choices, "events": events,
                   "finished": finished }))
    }

    fn hint(&self, path: &[usize]) -> Result<Value, String> {
        let world = self.after(path)?;
        Ok(match self.nearest(&world) {
            Some((index, distance)) => json!({ "index": index, "distance": distance }),
            None => json!({ "distance": null }),
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
        Ok(json!({ "path": path }))
    }

    fn proof(&self) -> Value {
        let known = self.known();
        json!({ "states": known.states, "unsafe": known.broken, "stuck": known.stuck })
    }

    /// The choice that leads closest to a broken state, and how far that then is from here.
    fn nearest(&self, world: &World<N, G>) -> Option<(usize, u32)> {
        let known = self.known();
        let distance = |what: &What<N>| {
            let mut next = world.clone();
            next.apply(&Action::new(what.clone()), Duration::ZERO, &mut ());
            known.distances.get(&next.fingerprint()).copied()
        };
        let choices = self.choices(world);
        let reachable =
            choices.iter().enumerate().filter_map(|(i, what)| Some((i, distance(what)?)));
        reachable.min_by_key(|(_, distance)| *distance).map(|(i, distance)| (i, distance + 1))
    }

    fn known(&self) -> &Known {
        self.known.get_or_init(|| {
            let report = explore(&self.model, &self.limits);
            let graph = &report.graph;
            let distances = graph.distances_to_broken();
            let distances = graph.prints().iter().zip(distances);
            Known {
                distances: distances.filter_map(|(print, far)| Some((*print, far?))).collect(),
                states: graph.states(),
                broken: report.unsafe_states,
                stuck: graph.stuck(&[Edge::Work]).len(),
            }
        })
    }

    /// What the reader may pick, the system's own work first, faults last.
    fn choices(&self, world: &World<N, G>) -> Vec<What<N>> {
        if self.model.broken(world).is_some() {
            return Vec::new();
        }
        let mut found = enabled(world, &self.limits).0;
        found.sort_by_key(What::is_fault);
        found
    }

    fn words(&self, what: &What<N>) -> (&'static str, String) {
        let name = |id| {
            let role = self.model.roles.iter().find(|role| role.id == id);
            role.map_or_else(|| format!("{id}"), |role| role.name.to_owned())
        };
        match what {
            What::Deliver { envelope, keep } => {
                let (from, to) = (name(envelope.from), name(envelope.to));
                let words = format!("deliver *{}* from `{from}` to `{to}`", envelope.msg);
                if *keep {
                    ("duplicate", words + ", and keep a copy on the way")
                } else {
                    ("receive", words)
                }
            }
            What::Lose(envelope) => {
                ("lose", format!("lose *{}* on its way to `{}`", envelope.msg, name(envelope.to)))
            }
            What::Own(id) => ("receive", format!("`{}` hears itself", name(*id))),
            What::Timeout(id, timer) => {
                ("timeout", format!("`{}` is tired of waiting: *{timer}*", name(*id)))
            }
            What::Flush(id) => ("persist", format!("the disk of `{}` is done", name(*id))),
            What::Gone(id, client) => {
                ("gone", format!("`{}` hangs up on `{}`", name(*client), name(*id)))
            }
            What::Crash { node, .. } => ("crash", format!("crash `{}`", name(*node))),
            What::Restart(id) => ("restart", format!("restart `{}`", name(*id))),
            What::Wipe(id) => ("wipe", format!("wipe the disk of `{}`", name(*id))),
        }
    }

    fn first(&self) -> World<N, G> {
        World::new(self.model.stage(self.limits.wire, self.limits.lagging), &mut ())
    }

    fn after(&self, path: &[usize]) -> Result<World<N, G>, String> {
        let mut world = self.first();
        for &index in path {
            self.go(&mut world, index, &mut Recorder::default())?;
        }
        Ok(world)
    }

    fn go(
        &self,
        world: &mut World<N, G>,
        index: usize,
        recorder: &mut Recorder,
    ) -> Result<(), String> {
        let choices = self.choices(world);
        let what = choices.get(index).ok_or("this path does not exist here")?;
        world.apply(&Action::new(what.clone()), Duration::ZERO, recorder);
        Ok(())
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
