//! State that ends with the process.

use std::sync::{Mutex, PoisonError};

use super::{Backend, Mode, Outcome, Position, StoreError, Stored, Write};
use crate::state::{SceneState, StreamState};

/// Keeps the last write.
#[derive(Debug, Default)]
pub struct Memory {
    stored: Box<Mutex<Stored>>,
}

impl Memory {
    fn stored(&self) -> std::sync::MutexGuard<'_, Stored> {
        self.stored.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Backend for Memory {
    fn mode(&self) -> Mode {
        Mode::Memory
    }

    async fn load(&self) -> Result<Stored, StoreError> {
        Ok(self.stored().clone())
    }

    async fn write(&self, write: &Write) -> Result<Outcome, StoreError> {
        let mut stored = self.stored();
        match (&stored.position, &write.expected) {
            (None, Some(_)) if write.parts != super::Parts::ALL => return Ok(Outcome::Empty),
            (Some(held), expected) if expected.as_ref() != Some(held) => {
                return Ok(Outcome::Conflict(held.clone()));
            }
            _ => {}
        }
        *stored = Stored {
            stream: Some(StreamState::clone(&write.next.stream)),
            scene: Some(SceneState::clone(&write.next.scene)),
            settings: Some(write.settings()),
            position: Some(Position::from(&*write.next)),
        };
        Ok(Outcome::Written)
    }

    async fn position(&self) -> Result<Option<Position>, StoreError> {
        Ok(self.stored().position.clone())
    }
}
