//! Small numbers for sockets: JavaScript cannot hold the contract's 64 bits. A number is used again only after
//! many others, and never while its socket lives.

use rustc_hash::FxBuildHasher;
use std::collections::{HashMap, VecDeque};

/// Freed handles that wait before one is used again.
const RESTING: usize = 1024;

#[derive(Default)]
pub(crate) struct Handles {
    sockets: Vec<Option<u64>>,
    by_socket: HashMap<u64, u32, FxBuildHasher>,
    free: VecDeque<u32>,
}

impl Handles {
    /// The handle of a socket, a new one if it has none.
    pub(crate) fn of(&mut self, socket: u64) -> u32 {
        if let Some(handle) = self.by_socket.get(&socket) {
            return *handle;
        }
        let rested = if self.free.len() > RESTING {
            self.free.pop_front()
        } else {
            None
        };
        let handle = rested.unwrap_or_else(|| {
            self.sockets.push(None);
            u32::try_from(self.sockets.len() - 1).unwrap_or(u32::MAX)
        });
        if let Some(place) = self.sockets.get_mut(handle as usize) {
            *place = Some(socket);
        }
        self.by_socket.insert(socket, handle);
        handle
    }

    /// The handle of a socket that has one.
    pub(crate) fn known(&self, socket: u64) -> Option<u32> {
        self.by_socket.get(&socket).copied()
    }

    /// The socket of a handle.
    pub(crate) fn socket(&self, handle: u32) -> Option<u64> {
        self.sockets.get(handle as usize).copied().flatten()
    }

    /// Ends a handle.
    pub(crate) fn free(&mut self, handle: u32) {
        if let Some(place) = self.sockets.get_mut(handle as usize)
            && let Some(socket) = place.take()
        {
            self.by_socket.remove(&socket);
            self.free.push_back(handle);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn handles_rest_before_they_are_used_again() {
        let mut handles = Handles::default();
        let first = handles.of(u64::MAX);
        assert_eq!(handles.of(u64::MAX), first);
        assert_eq!(handles.socket(first), Some(u64::MAX));
        handles.free(first);
        handles.free(first);
        assert_eq!(
            (handles.socket(first), handles.known(u64::MAX)),
            (None, None)
        );
        for socket in 0..RESTING as u64 {
            let handle = handles.of(socket);
            assert_ne!(handle, first);
            handles.free(handle);
        }
        assert_eq!(handles.of(7), first, "it has rested");
    }
}
