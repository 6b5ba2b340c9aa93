//! The file provider: one file or a directory tree, read again when it changes or on SIGHUP.

mod hangup;
mod load;
mod merge;
mod template;
mod watch;

use std::path::PathBuf;
use std::time::Duration;

use tokio::sync::mpsc;

use super::Message;
use crate::config::dynamic::Parsed;
use crate::config::install::FileProvider;
use crate::config::tree::Position;
use crate::config::{ConfigErrors, Problem};

pub use load::{Examined, examine, load};
pub use merge::merge;
pub use template::expand_template;

/// The provider's name.
pub const NAME: &str = "file";

/// After this time a file that could not be read is read once more before anybody hears of it: it may have been half
/// written.
const SECOND_LOOK: Duration = Duration::from_millis(300);

/// What is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    File(PathBuf),
    Directory(PathBuf),
}

/// The file provider before its start.
#[derive(Debug)]
pub struct FileWatch {
    place: Option<Place>,
    watch: bool,
    log_templates: bool,
}

impl Place {
    /// What the options name, if anything. A directory counts before a file, as in Traefik.
    pub fn of(options: &FileProvider) -> Option<Self> {
        match (options.directory.as_str(), options.filename.as_str()) {
            ("", "") => None,
            ("", file) => Some(Self::File(file.into())),
            (directory, _) => Some(Self::Directory(directory.into())),
        }
    }
}

impl FileWatch {
    pub fn new(options: &FileProvider) -> Self {
        Self {
            place: Place::of(options),
            watch: options.watch,
            log_templates: options.debug_log_generated_template,
        }
    }

    /// Emits the configuration, and again after each change, until the receiver is gone.
    pub async fn run(self, messages: mpsc::Sender<Message>) {
        let Some(place) = self.place.clone() else {
            let message =
                "neither filename nor directory is set; the file provider has nothing to read";
            let at = Position::named("providers.file");
            report(&messages, Err(ConfigErrors::one(at, "", message))).await;
            return;
        };
        let mut watcher = self.watch.then(|| watch::Watcher::new(&place));
        let mut hangup = hangup::listen();
        // Before the first reading, so that no change falls between the two.
        let first = self.read(&place).await;
        if !report(&messages, first).await {
            return;
        }
        loop {
            tokio::select! {
                () = watch::changed(&mut watcher) => {}
                () = hangup::heard(&mut hangup) => {}
                () = messages.closed() => return,
            }
            watch::settle(&mut watcher).await;
            let mut result = self.read(&place).await;
            if result.is_err() {
                tokio::time::sleep(SECOND_LOOK).await;
                result = self.read(&place).await;
            }
            if let Some(watcher) = &mut watcher {
                watcher.renew();
            }
            if !report(&messages, result).await {
                return;
            }
        }
    }

    /// Reads off the control thread's way: a slow disk stops nothing else.
    async fn read(&self, place: &Place) -> Result<Parsed, ConfigErrors> {
        let (place, log_templates) = (place.clone(), self.log_templates);
        let reading = tokio::task::spawn_blocking(move || load(&place, log_templates));
        reading.await.unwrap_or_else(|error| {
            let message = format!("reading failed: {error}");
            Err(ConfigErrors::one(
                Position::named("providers.file"),
                "",
                message,
            ))
        })
    }
}

/// Logs what there is to say and passes the configuration on. False when nobody listens any more.
async fn report(messages: &mpsc::Sender<Message>, result: Result<Parsed, ConfigErrors>) -> bool {
    let config = match result {
        Ok(Parsed { config, warnings }) => {
            warnings
                .iter()
                .for_each(|warning: &Problem| tracing::warn!(provider = NAME, "{warning}"));
            Ok(config)
        }
        Err(errors) => {
            for problem in &errors.0 {
                tracing::error!(provider = NAME, "{problem}");
            }
            Err(errors)
        }
    };
    messages
        .send(Message {
            provider: NAME.to_owned(),
            config,
        })
        .await
        .is_ok()
}

#[cfg(test)]
mod tests;
