//! # Stickiness as a hint
//! stars: 3
//! Write the route of step 7. Who has a cookie goes back to that server, if it is up and has room; who has
//! not, or cannot, goes to the server with the highest weight for the session, of those that have room. If none
//! has, the one with the highest weight of all. Balancers that know the same servers pick alike.
//! hint 1: `has_room`, `heaviest` and `up` are there already; all of them look at servers that are up only.
//! hint 2: The key is the session, so that all balancers agree. Who has none yet is told apart by the turn.
//! hint 3: Three attempts, one after the other: the hint, the highest weight with room, the highest weight of all.

use ch01_sticky_sessions::balancer::{Asked, Backend, Route, has_room, up};
use ch01_sticky_sessions::hash::heaviest;

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Hint {
    /// How much of the mean a server may have, in percent.
    bound: u32,
}

impl Route for Hint {
    fn pick(&self, asked: &Asked, pool: &[Backend]) -> Option<usize> {
        // SOLUTION-BEGIN
        let hint = up(pool).find(|place| Some(pool[*place].id) == asked.affinity);
        let has_room = |place: &usize| has_room(self.bound, *place, pool);
        if hint.is_some_and(|place| has_room(&place)) {
            return hint;
        }
        let key = asked.session.map_or(asked.turn, |id| (id.0 ^ id.0 >> 64) as u64);
        let with_room = heaviest(key, pool, has_room);
        with_room.or_else(|| heaviest(key, pool, |_| true))
        // SOLUTION-END
        // STARTER: let _ = heaviest(0, pool, |place| has_room(self.bound, *place, pool));
        // STARTER: up(pool).find(|place| Some(pool[*place].id) == asked.affinity)
    }
}

pub fn check() -> Result<String, String> {
    ch01_sticky_sessions::exercises::hint(|bound| Hint { bound })
}
