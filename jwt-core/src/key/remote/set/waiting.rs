//! The requests that wait for a fetch: so many at most, and so many of one client.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How many requests may wait for one fetch. A request that comes later is answered at once.
pub(super) const MAX_WAITING: usize = 1024;
/// How many of these may be of one client, where the application says by whom a request is sent.
const MAX_OF_CLIENT: usize = 64;

/// Who waits at present.
#[derive(Default)]
pub(super) struct Waiting(Mutex<Seats>);

#[derive(Default)]
struct Seats {
    taken: usize,
    by_client: HashMap<IpAddr, usize>,
}

impl Waiting {
    /// One seat more; `None` where none is left. `client` is its network, as [network_of](crate::transport::address::network_of) says.
    pub(super) fn seat(self: &Arc<Self>, client: Option<IpAddr>) -> Option<Seat> {
        let mut seats = self.seats();
        if seats.taken >= MAX_WAITING {
            return None;
        }
        if let Some(client) = client {
            let of_client = seats.by_client.entry(client).or_default();
            if *of_client >= MAX_OF_CLIENT {
                return None;
            }
            *of_client += 1;
        }
        seats.taken += 1;
        Some(Seat { waiting: self.clone(), client })
    }

    fn seats(&self) -> MutexGuard<'_, Seats> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One of the requests that wait.
pub(super) struct Seat {
    waiting: Arc<Waiting>,
    client: Option<IpAddr>,
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut seats = self.waiting.seats();
        seats.taken = seats.taken.saturating_sub(1);
        if let Some(client) = self.client
            && let Some(of_client) = seats.by_client.get_mut(&client)
        {
            *of_client -= 1;
            if *of_client == 0 {
                seats.by_client.remove(&client);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::transport::address::network_of;

    #[test]
    fn one_client_leaves_room_for_the_others() {
        let waiting = Arc::new(Waiting::default());
        let client = |address: &str| Some(network_of(address.parse().unwrap()));
        let seats = |address| std::iter::from_fn(|| waiting.seat(client(address))).collect::<Vec<_>>();
        let first = seats("10.0.0.1");
        assert_eq!((first.len(), seats("10.0.0.2").len(), seats("::ffff:10.0.0.1").len()), (64, 64, 0));
        let of_net = seats("2001:db8::1");
        assert_eq!((of_net.len(), seats("2001:db8:0:ffff::1").len(), seats("2001:db8:1::1").len()), (64, 0, 64));
        let of_nobody: Vec<_> = std::iter::from_fn(|| waiting.seat(None)).collect();
        assert_eq!(first.len() + of_net.len() + of_nobody.len(), MAX_WAITING);
        drop((first, of_net, of_nobody));
        let seats = waiting.seats();
        assert_eq!((seats.taken, seats.by_client.len()), (0, 0));
    }

    proptest! {
        #[test]
        fn as_many_seats_are_taken_as_are_held(events in prop::collection::vec((any::<bool>(), 0..4u8), 0..2000)) {
            let waiting = Arc::new(Waiting::default());
            let mut held = Vec::new();
            for (comes, who) in events {
                let client = (who > 0).then(|| IpAddr::from([10, 0, 0, who]));
                if comes {
                    let of_client = held.iter().filter(|seat: &&Seat| client.is_some() && seat.client == client).count();
                    let seat = waiting.seat(client);
                    prop_assert_eq!(seat.is_some(), held.len() < MAX_WAITING && of_client < MAX_OF_CLIENT);
                    held.extend(seat);
                } else if !held.is_empty() {
                    held.swap_remove(usize::from(who) % held.len());
                }
                prop_assert_eq!(waiting.seats().taken, held.len());
            }
        }
    }
}
