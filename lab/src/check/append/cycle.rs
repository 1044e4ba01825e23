//! The shortest circle of the worst sort.
//!
//! Circles live inside strongly connected components (Tarjan, 1972), and most graphs have none of
//! more than one point, so that is asked first. In one that has, a circle with fewer sorts of edges is
//! the worse anomaly: only writes first, then reads of writes, then one missed write, then more.
//!
//! In a component of thousands the search for the *shortest* circle ends at a bound, with the shortest
//! so far; there is always one.

use std::collections::VecDeque;

use super::graph::{Edge, Graph, Why};
use super::read::{Op, Understood};

/// So many edges are followed in search of a shorter circle.
const PATIENCE: usize = 4_000_000;

/// From one transaction to the next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Step {
    pub(super) from: usize,
    pub(super) edge: Edge,
}

/// The same circle without transactions that only pass on what concerns one list: where one
/// transaction wrote behind another, a third one saw, or missed, the first's writes too.
pub(super) fn without_go_betweens(all: &Understood, mut cycle: Vec<Step>) -> Vec<Step> {
    let mut kept = 0;
    while cycle.len() > 2 && kept < cycle.len() {
        if let Some(edge) = as_one(all, cycle[0], cycle[1].edge) {
            cycle[0].edge = edge;
            cycle.remove(1);
            kept = 0;
        } else {
            cycle.rotate_left(1);
            kept += 1;
        }
    }
    cycle
}

fn as_one(all: &Understood, first: Step, second: Edge) -> Option<Edge> {
    let key = first.edge.item.key;
    if second.item.key != key {
        return None;
    }
    let (why, item) = match (first.edge.why, second.why) {
        (Why::Ww | Why::Rw, Why::Ww) => (first.edge.why, second.item),
        (Why::Ww, Why::Wr) => {
            let own = all.transactions[first.from].ops.iter().rev();
            let own = own.filter_map(|op| if let Op::Append(i) = op { Some(*i) } else { None });
            (Why::Wr, own.into_iter().find(|item| item.key == key)?)
        }
        _ => return None,
    };
    Some(Edge { to: second.to, why, item })
}

type Allowed = fn(Why) -> bool;

fn timeless(why: Why) -> bool {
    why != Why::Realtime
}

/// The sorts of circles, the worst first: which edges, and whether exactly one of them is a miss.
const SORTS: [(Allowed, bool); 8] = [
    (|why| matches!(why, Why::Ww | Why::On), false),
    (|why| matches!(why, Why::Ww | Why::Wr | Why::On), false),
    (timeless, true),
    (timeless, false),
    (|why| matches!(why, Why::Ww | Why::Realtime | Why::On), false),
    (|why| why != Why::Rw, false),
    (|_| true, true),
    (|_| true, false),
];

/// A circle, as steps between transactions. `None`: there is an order.
pub(super) fn shortest(graph: &Graph) -> Option<Vec<Step>> {
    if !components(graph, |_| true).any {
        return None;
    }
    let mut search = Search::new(graph);
    let found = SORTS.into_iter().find_map(|(allowed, one_miss)| {
        let within = components(graph, allowed);
        if within.any { search.shortest(&within, allowed, one_miss) } else { None }
    });
    Some(found.expect("a component of several points has a circle"))
}

/// The component of each point, and whether any has several.
struct Components {
    of: Vec<usize>,
    sizes: Vec<usize>,
    any: bool,
}

impl Components {
    fn is_in_a_circle(&self, point: usize) -> bool {
        self.sizes[self.of[point]] > 1
    }
}

/// Tarjan's algorithm, with a stack of its own: recursion would end at some depth.
fn components(graph: &Graph, allowed: Allowed) -> Components {
    const NEW: usize = usize::MAX;
    let points = graph.edges.len();
    let (mut index, mut low) = (vec![NEW; points], vec![0; points]);
    let (mut of, mut sizes) = (vec![NEW; points], Vec::new());
    let (mut open, mut path) = (Vec::new(), Vec::new());
    let mut count = 0;
    for root in 0..points {
        if index[root] == NEW {
            path.push((root, 0));
        }
        while let Some((point, next)) = path.pop() {
            if next == 0 {
                index[point] = count;
                low[point] = count;
                count += 1;
                open.push(point);
            }
            if let Some(edge) = graph.edges[point].get(next) {
                path.push((point, next + 1));
                if !allowed(edge.why) {
                    continue;
                }
                if index[edge.to] == NEW {
                    path.push((edge.to, 0));
                } else if of[edge.to] == NEW {
                    low[point] = low[point].min(index[edge.to]);
                }
                continue;
            }
            if low[point] == index[point] {
                let members = open.iter().rposition(|p| *p == point).expect("it is still open");
                open.drain(members..).for_each(|member| of[member] = sizes.len());
                sizes.push(0);
            }
            if let Some((parent, _)) = path.last() {
                low[*parent] = low[*parent].min(low[point]);
            }
        }
    }
    for component in &of {
        sizes[*component] += 1;
    }
    let any = sizes.iter().any(|size| *size > 1);
    Components { of, sizes, any }
}

struct Search<'a> {
    graph: &'a Graph,
    /// For each point that was reached in this round: the step to it.
    came_by: Vec<Option<Step>>,
    distance: Vec<usize>,
    reached: Vec<usize>,
    followed: usize,
}

impl<'a> Search<'a> {
    fn new(graph: &'a Graph) -> Self {
        let points = graph.edges.len();
        Self {
            graph,
            came_by: vec![None; points],
            distance: vec![usize::MAX; points],
            reached: Vec::new(),
            followed: 0,
        }
    }

    /// The shortest circle of allowed edges; if asked, of those with exactly one miss.
    fn shortest(
        &mut self,
        within: &Components,
        allowed: Allowed,
        one_miss: bool,
    ) -> Option<Vec<Step>> {
        let mut best: Option<Vec<Step>> = None;
        self.followed = 0;
        for start in self.starts(within) {
            let most = best.as_ref().map_or(usize::MAX, Vec::len);
            if most == 2 || (self.followed > PATIENCE && (one_miss || best.is_some())) {
                break;
            }
            let edges = self.graph.edges[start].iter();
            let edges = edges.filter(|e| allowed(e.why) && (!one_miss || e.why == Why::Rw));
            let first: Vec<Step> = edges.map(|edge| Step { from: start, edge: *edge }).collect();
            let rest = |why| allowed(why) && (!one_miss || why != Why::Rw);
            best = self.circle(within, &rest, &first, most).or(best);
        }
        best
    }

    /// Transactions in circles. Those with an edge far back in time first: in a circle through time
    /// they are the ones that should not be.
    fn starts(&self, within: &Components) -> Vec<usize> {
        let back = |point: &usize| {
            let earliest = self.graph.edges[*point].iter().map(|edge| edge.to).min();
            point.saturating_sub(earliest.unwrap_or(*point))
        };
        let all = 0..self.graph.transactions;
        let mut starts: Vec<usize> = all.filter(|point| within.is_in_a_circle(*point)).collect();
        starts.sort_by_key(|point| std::cmp::Reverse(back(point)));
        starts
    }

    /// The shortest way back to where these first steps start, if it is shorter than `most`. Steps
    /// to a transaction count one, steps to a junction nothing.
    fn circle(
        &mut self,
        within: &Components,
        allowed: &dyn Fn(Why) -> bool,
        first: &[Step],
        most: usize,
    ) -> Option<Vec<Step>> {
        let start = first.first()?.from;
        let mut queue = VecDeque::new();
        first.iter().for_each(|step| self.reach(within, *step, 0, &mut queue));
        let mut found = None;
        while let Some((point, distance)) = queue.pop_front() {
            if point == start || distance + 1 >= most {
                found = (point == start && distance < most).then(|| self.way_to(start));
                break;
            }
            if distance > self.distance[point] {
                continue;
            }
            for edge in &self.graph.edges[point] {
                self.followed += 1;
                if allowed(edge.why) {
                    self.reach(within, Step { from: point, edge: *edge }, distance, &mut queue);
                }
            }
        }
        for point in self.reached.drain(..) {
            self.distance[point] = usize::MAX;
            self.came_by[point] = None;
        }
        found
    }

    fn reach(
        &mut self,
        within: &Components,
        step: Step,
        distance: usize,
        queue: &mut VecDeque<(usize, usize)>,
    ) {
        let to = step.edge.to;
        let is_transaction = to < self.graph.transactions;
        let distance = distance + usize::from(is_transaction);
        if within.of[to] != within.of[step.from] || distance >= self.distance[to] {
            return;
        }
        self.distance[to] = distance;
        self.came_by[to] = Some(step);
        self.reached.push(to);
        if is_transaction {
            queue.push_back((to, distance));
        } else {
            queue.push_front((to, distance));
        }
    }

    /// The steps that led here, those over junctions as one: why from the first, what from the last.
    fn way_to(&self, start: usize) -> Vec<Step> {
        let mut steps: Vec<Step> = Vec::new();
        let mut point = start;
        loop {
            let step = self.came_by[point].expect("every point of the way was reached");
            match steps.last_mut() {
                Some(last) if last.from >= self.graph.transactions => {
                    last.from = step.from;
                    last.edge.why = step.edge.why;
                }
                _ => steps.push(step),
            }
            point = step.from;
            if point == start {
                break;
            }
        }
        steps.reverse();
        steps
    }
}
