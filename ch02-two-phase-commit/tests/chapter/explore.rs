use ch02_two_phase_commit::worlds::{Look, Scope, model};
use ch02_two_phase_commit::{step1_no_coordination as s1, step2_two_phases as s2, step3_log_first as s3};
use lab::explore::{Edge, Limits, explore};
use std::time::Instant;

macro_rules! go { ($name:expr, $s:ident, $scope:expr, $lim:expr, $props:expr) => {{
    let t = Instant::now();
    let m = model::<$s::Coordinator, $s::Participant>($scope, $props);
    let r = explore(&m, &Limits{states:1_000_000,..$lim});
    println!("{} {:?} crashes {} losses {} {:?}: states {} steps {} depth {} gave_up {} never {:?} {:?}", $name, $scope, $lim.crashes, $lim.losses, $lim.wire, r.graph.states(), r.graph.steps(), r.graph.depth(), r.gave_up, r.never, t.elapsed());
    if let Some(v) = &r.violation { println!("  {:?}", v.broken); for a in &v.path { println!("    {:?} {:?}", a.what, a.cut); } }
    let st = r.graph.stuck(&[Edge::Work, Edge::Restart]);
    println!("  stuck with restarts: {}", st.len());
    if let Some(s) = st.first() { for a in r.graph.path(*s) { println!("    {:?} {:?}", a.what, a.cut); } }
    let st = r.graph.stuck(&[Edge::Work]);
    println!("  stuck without: {} {:?}", st.len(), t.elapsed());
}}}

#[test]
fn look() {
    let ac = ["AC1","AC2","AC3","ACK","NACK","ONCE","FORGET"];
    go!("s3", s3, Scope::ONE_ORDER, Limits::safety(1), &ac);
    go!("s3", s3, Scope::ONE_ORDER, Limits::progress(1,0,0), &ac);
    go!("s3", s3, Scope::ONE_ORDER, Limits::progress(0,1,0), &ac);
    go!("s3", s3, Scope::ONE_ORDER, Limits::progress(1,1,0), &ac);
    go!("s3", s3, Scope::THREE, Limits::safety(1), &ac);
}
