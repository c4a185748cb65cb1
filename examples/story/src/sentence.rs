//! One sentence that says who is served, and why.

use crate::cluster::State;
use crate::login::FIRST_KEY;

/// The sentence for that state of the cluster.
pub fn of(state: &State) -> String {
    let alive: Vec<usize> = (0..state.instances).filter(|n| state.alive[*n]).collect();
    if alive.is_empty() {
        return "Nobody is served: no instance is left to answer.".to_owned();
    }
    let dead = state.instances - alive.len();
    let jwt = match (dead, state.cache) {
        (0, true) => "JWTs are served by every instance, because each can check the signature by itself",
        (0, false) => "JWTs do not notice that the cache is dead, because nobody looks anything up for them",
        (_, true) => "JWTs go on at whichever instance is left, because nothing about them was lost",
        (_, false) => "JWTs go on without the cache and without the dead instance, because all it takes is a signature",
    };
    let sessions = match (state.shared, state.cache, state.sticky, alive.len(), dead) {
        (true, false, ..) => "sessions are refused everywhere, because all of them were in the one cache that is dead",
        (true, true, ..) => "sessions are served as well, because every instance asks the same cache",
        (false, _, _, 1, 0) => "sessions are served as well, because there is only one memory to remember them",
        (false, _, true, _, 0) => {
            "sessions are served as long as each client stays with the instance that remembers it"
        }
        (false, _, true, _, _) => {
            "sessions that the dead instance remembered are gone, and whoever had one has to sign in again"
        }
        (false, _, false, 1, _) => {
            "sessions that other instances remembered are gone, and whoever had one has to sign in again"
        }
        (false, _, false, ..) => "sessions fail whenever the request reaches an instance that did not begin them",
    };
    let rotation = match &*state.kid {
        "" | FIRST_KEY => String::new(),
        kid => {
            let algorithm = if state.ml_dsa { ", of ML-DSA-65" } else { "" };
            format!(
                " New tokens are signed with {kid}{algorithm}; older ones stay good, because their public keys are still there."
            )
        }
    };
    format!("{jwt}; {sessions}.{rotation}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state() -> State {
        State { instances: 3, alive: [true; 3], cache: true, ..State::default() }
    }

    #[test]
    fn sessions_in_the_memory_of_three_instances_fail_at_the_others() {
        assert!(
            of(&state()).contains("sessions fail whenever the request reaches an instance that did not begin them")
        );
        assert!(of(&State { sticky: true, ..state() }).contains("stays with the instance that remembers it"));
        assert!(of(&State { instances: 1, ..state() }).contains("only one memory"));
    }

    #[test]
    fn a_dead_cache_takes_the_sessions_with_it_that_were_kept_there() {
        let dead = State { shared: true, cache: false, ..state() };
        assert!(of(&dead).contains("JWTs do not notice"), "{}", of(&dead));
        assert!(of(&dead).contains("sessions are refused everywhere"), "{}", of(&dead));
        assert!(!of(&State { shared: false, ..dead }).contains("refused everywhere"));
    }

    #[test]
    fn a_dead_instance_takes_its_own_sessions_with_it_and_no_jwt() {
        let dead = State { alive: [true, false, true], sticky: true, ..state() };
        assert!(of(&dead).contains("JWTs go on at whichever instance is left"), "{}", of(&dead));
        assert!(of(&dead).contains("the dead instance remembered are gone"), "{}", of(&dead));
        assert!(of(&State { shared: true, ..dead }).contains("ask"));
    }

    #[test]
    fn a_rotation_is_told_with_what_becomes_of_older_tokens() {
        assert!(!of(&State { kid: "key-1".into(), ..state() }).contains("signed with"));
        let rotated = of(&State { kid: "key-2".into(), ..state() });
        assert!(rotated.contains("New tokens are signed with key-2; older ones stay good"), "{rotated}");
        let of_ml_dsa = of(&State { kid: "key-3".into(), ml_dsa: true, ..state() });
        assert!(of_ml_dsa.contains("signed with key-3, of ML-DSA-65; older ones stay good"), "{of_ml_dsa}");
    }

    #[test]
    fn nobody_is_served_by_nobody() {
        assert!(of(&State { instances: 1, alive: [false, true, true], ..state() }).starts_with("Nobody is served"));
    }
}
