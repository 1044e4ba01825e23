//! The shop with a Redis behind it, and other balancers beside ours.

mod before;
#[allow(dead_code, reason = "the tests of the cluster use all of it")]
#[path = "../cluster/kit.rs"]
mod kit;
mod measured;
mod peers;
mod redis;
#[allow(dead_code, reason = "the tests of the cluster use all of it")]
#[path = "../cluster/users.rs"]
mod users;
