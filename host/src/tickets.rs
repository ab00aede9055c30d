//! How many connections there may be: for the node, and for one address. Called by `server`, which takes
//! a ticket for every accepted connection; whoever holds the connection holds the ticket.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Gives out tickets. Cheap to clone.
#[derive(Clone)]
pub struct Tickets(Arc<Inner>);

struct Inner {
    connections_max: usize,
    per_address_max: usize,
    open: AtomicUsize,
    by_address: Mutex<HashMap<IpAddr, usize>>,
}

/// The right to one connection; given back when dropped.
pub struct Ticket {
    tickets: Tickets,
    address: IpAddr,
}

impl Tickets {
    /// For so many connections in all, and so many from one address (0: any number).
    pub fn new(connections_max: usize, per_address_max: usize) -> Self {
        Self(Arc::new(Inner {
            connections_max,
            per_address_max,
            open: AtomicUsize::new(0),
            by_address: Mutex::default(),
        }))
    }

    /// A ticket, unless there are too many connections.
    pub fn take(&self, address: IpAddr) -> Option<Ticket> {
        if self.0.open.fetch_add(1, Ordering::Relaxed) >= self.0.connections_max {
            self.0.open.fetch_sub(1, Ordering::Relaxed);
            return None;
        }
        if self.0.per_address_max > 0 {
            let mut by_address = self
                .0
                .by_address
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            let count = by_address.entry(address).or_default();
            if *count >= self.0.per_address_max {
                self.0.open.fetch_sub(1, Ordering::Relaxed);
                return None;
            }
            *count += 1;
        }
        Some(Ticket {
            tickets: self.clone(),
            address,
        })
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let inner = &self.tickets.0;
        inner.open.fetch_sub(1, Ordering::Relaxed);
        if inner.per_address_max > 0 {
            let mut by_address = inner
                .by_address
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            if let Some(count) = by_address.get_mut(&self.address) {
                *count -= 1;
                if *count == 0 {
                    by_address.remove(&self.address);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tickets_run_out_and_come_back() {
        let (a, b) = (IpAddr::from([127, 0, 0, 1]), IpAddr::from([127, 0, 0, 2]));
        let tickets = Tickets::new(3, 2);
        let first = tickets.take(a).unwrap();
        let _second = tickets.take(a).unwrap();
        assert!(tickets.take(a).is_none(), "two from one address");
        let third = tickets.take(b);
        assert!(third.is_some() && tickets.take(b).is_none(), "three in all");
        drop(first);
        assert!(tickets.take(a).is_some());
    }
}
