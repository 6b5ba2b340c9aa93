//! Places for a limited number of requests or connections, by client, shared by all workers.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// See the module.
#[derive(Debug)]
pub(super) struct Places {
    most: u64,
    taken: Taken,
}

type Taken = Arc<Mutex<HashMap<Box<[u8]>, u64>>>;

/// A place. Dropping it makes room, whatever became of what it was for.
#[derive(Debug)]
pub(crate) struct Place {
    client: Box<[u8]>,
    taken: Taken,
}

impl Places {
    /// For each client so many.
    pub(super) fn new(most: u64) -> Self {
        Self {
            most,
            taken: Taken::default(),
        }
    }

    /// A place for that client; `None` where it has all of its.
    pub(super) fn take(&self, client: &[u8]) -> Option<Place> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        match taken.get_mut(client) {
            Some(count) if *count >= self.most => return None,
            Some(count) => *count += 1,
            None if self.most == 0 => return None,
            None => {
                taken.insert(client.into(), 1);
            }
        }
        Some(Place {
            client: client.into(),
            taken: Arc::clone(&self.taken),
        })
    }

    /// Clients that have a place.
    #[cfg(test)]
    pub(super) fn clients(&self) -> usize {
        let taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        taken.len()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        match taken.get_mut(&self.client) {
            Some(count) if *count > 1 => *count -= 1,
            // Otherwise it would grow for ever.
            _ => {
                taken.remove(&self.client);
            }
        }
    }
}
