//! Providers: where routing configuration comes from. Each emits whole configurations, never differences.

pub mod file;

use tokio::sync::mpsc;

use crate::config::ConfigErrors;
use crate::config::dynamic::Dynamic;

/// What a provider has to say: its whole configuration, or why it has none. After an error the last good configuration
/// stays in force. The provider itself has logged the error.
#[derive(Debug)]
pub struct Message {
    /// The name that follows the `@` of the objects' names.
    pub provider: String,
    pub config: Result<Dynamic, ConfigErrors>,
}

/// A provider that has not been started.
#[derive(Debug)]
pub enum Provider {
    File(file::FileWatch),
}

impl Provider {
    /// The name that follows the `@` of the objects' names.
    pub fn name(&self) -> &'static str {
        match self {
            Self::File(_) => file::NAME,
        }
    }

    /// Emits configurations until the receiver is gone. Dropping the future stops the provider.
    pub async fn run(self, messages: mpsc::Sender<Message>) {
        match self {
            Self::File(file) => file.run(messages).await,
        }
    }
}
