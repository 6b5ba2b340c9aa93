//! What became of each object: the compiler's report, led back to places and causes.

use std::cell::Cell;
use std::collections::BTreeMap;

use super::finding::{Finding, Severity};
use super::names::Missing;
use super::places::{Index, bare};
use super::references::{Kind, Object, References, provider};
use super::tls::ECHO;
use super::{UNUSED, rules};
use crate::app::trial::Trial;
use crate::command::gather::Gathered;
use crate::runtime::{Report, State, Status};

/// References deeper than this are a loop.
const DEEPEST: usize = 32;

/// Finds what is wrong with routers, services and middlewares.
pub(super) struct Objects<'a> {
    pub(super) gathered: &'a Gathered,
    pub(super) index: &'a Index<'a>,
    pub(super) trial: &'a Trial,
    pub(super) references: &'a References,
    /// Names that were looked for so far; see [`SUGGESTED`].
    pub(super) suggested: Cell<usize>,
}

/// For so many names the nearest one is looked for. Where more are missing that is no slip of the pen, and the search costs.
const SUGGESTED: usize = 500;

/// Messages by the object that has them.
type Messages = BTreeMap<Object, Vec<String>>;

impl Objects<'_> {
    pub(super) fn findings(&self) -> Vec<Finding> {
        let messages = self.messages();
        let mut causes: BTreeMap<(Object, &str), Vec<String>> = BTreeMap::new();
        for (object, texts) in &messages {
            for text in texts {
                let cause = self.cause(object, text, &messages);
                let disabled = causes.entry((cause, text)).or_default();
                let word = format!("{} {}", object.0.word(), object.1);
                if self.is_disabled(object) && !object.1.starts_with(UNUSED) {
                    disabled.push(word);
                }
            }
        }
        let causes = causes.into_iter();
        causes
            .filter(|((object, text), _)| self.is_sure(object, text))
            .map(|((object, text), disables)| self.finding(&object, text, disables))
            .collect()
    }

    /// What the compiler said, and what it would have said had it not stopped at the first mistake of an object.
    fn messages(&self) -> Messages {
        let mut messages = Messages::new();
        for (object, state) in states(&self.trial.compiled.report) {
            let said = state.errors.iter().filter(|text| !is_echo(text, state));
            messages.entry(object).or_default().extend(said.cloned());
        }
        for problem in &self.trial.compiled.problems {
            let transport = problem.strip_prefix("serversTransport ");
            if let Some((name, text)) = transport.and_then(|rest| rest.split_once(": ")) {
                add(
                    &mut messages,
                    &(Kind::Transport, name.to_owned()),
                    text.to_owned(),
                );
            }
        }
        for (name, router) in &self.trial.merged.routers {
            let object = (Kind::Router, name.clone());
            if let Some(error) = rules::error(router).filter(|_| router.parent_refs.is_empty()) {
                add(&mut messages, &object, error);
            }
        }
        let objects: Vec<Object> = messages.keys().cloned().collect();
        for object in objects {
            for (kind, name) in self.references.from(&object) {
                let merged = &self.trial.merged;
                let (there, text) = match kind {
                    Kind::Service => (
                        merged.services.contains_key(name) || self.trial.internal.contains(name),
                        format!("the service \"{name}\" does not exist"),
                    ),
                    Kind::Middleware => (
                        merged.middlewares.contains_key(name),
                        format!("middleware \"{name}\" does not exist"),
                    ),
                    Kind::Router | Kind::Transport => continue,
                };
                if !there {
                    add(&mut messages, &object, text);
                }
            }
        }
        messages.retain(|(_, name), texts| !texts.is_empty() && !name.starts_with(UNUSED));
        messages
    }

    /// The object that `object` has a message from: the last one on the way down that has it too.
    fn cause(&self, object: &Object, text: &str, messages: &Messages) -> Object {
        let mut cause = object;
        for _ in 0..DEEPEST {
            let below = self.references.from(cause).iter().find(|below| {
                let texts = messages.get(*below);
                *below != object && texts.is_some_and(|texts| texts.iter().any(|t| t == text))
            });
            match below {
                Some(below) => cause = below,
                None => break,
            }
        }
        cause.clone()
    }

    fn state(&self, (kind, name): &Object) -> Option<&State> {
        let report = &self.trial.compiled.report;
        match kind {
            Kind::Router => report.routers.get(name).map(|object| &object.state),
            Kind::Service => report.services.get(name).map(|object| &object.state),
            Kind::Middleware => report.middlewares.get(name).map(|object| &object.state),
            Kind::Transport => None,
        }
    }

    fn is_disabled(&self, object: &Object) -> bool {
        self.state(object)
            .is_some_and(|state| state.status == Status::Disabled)
    }

    /// Whether a message can be believed: an object that could not be decoded, or a name that may be in a file that
    /// could not be read, is no second mistake.
    fn is_sure(&self, (kind, name): &Object, text: &str) -> bool {
        let files = &self.gathered.files;
        let name = bare(self.index.written(*kind, name));
        let path = format!("http.{}.{name}", kind.section());
        let undecoded = files.errors.iter().any(|problem| {
            problem
                .path
                .strip_prefix(&path)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        });
        let unread = !files.unreadable.is_empty() && Missing::of(text).is_some();
        !undecoded && !unread
    }

    fn finding(&self, object: &Object, text: &str, disables: Vec<String>) -> Finding {
        let (kind, name) = object;
        let missing = Missing::of(text);
        let unseen = missing
            .as_ref()
            .is_some_and(|missing| missing.may_exist(&self.gathered.install));
        let unused = self.is_unused(object);
        let severity = match unseen || unused {
            true => Severity::Warning,
            false => Severity::Error,
        };
        let router = self.trial.merged.routers.get(name);
        let rule = router.filter(|_| *kind == Kind::Router && rules::is_about(text));
        let (at, message, suggestion) = match rule {
            Some(router) => (
                self.index.key(*kind, name, "rule"),
                rules::message(router),
                rules::suggestion(router),
            ),
            None => {
                let count = self.suggested.replace(self.suggested.get() + 1);
                let missing = missing.filter(|_| !unseen && count < SUGGESTED);
                let suggestion = missing.and_then(|missing| missing.suggestion(self.trial, name));
                (None, None, suggestion)
            }
        };
        let at = at.unwrap_or_else(|| self.index.place(*kind, name, text));
        let mut message = message.unwrap_or_else(|| text.to_owned());
        if unseen {
            message.push_str(" here; its provider is asked only by the running gateway");
        }
        if unused {
            message.push_str(" (nothing uses it)");
        }
        let install = at.line > 0 && at.source == self.gathered.tree.at.source;
        let object = match install {
            // All its routers suffer from it.
            true => "middlewares of an entry point".to_owned(),
            false => format!("{} {}", kind.word(), self.index.written(*kind, name)),
        };
        let finding = Finding::new(severity, &at, object, message);
        Finding {
            disables: if severity == Severity::Error {
                disables
            } else {
                Vec::new()
            },
            ..finding.suggesting(suggestion)
        }
    }

    fn is_unused(&self, object: &Object) -> bool {
        object.0 != Kind::Router && !self.references.uses(object)
    }

    /// Objects that nothing names. Those that a user's other providers may name are not told apart.
    pub(super) fn unused(&self) -> Vec<Finding> {
        let merged = &self.trial.merged;
        let services = merged.services.keys().map(|name| (Kind::Service, name));
        let middlewares = merged
            .middlewares
            .keys()
            .map(|name| (Kind::Middleware, name));
        services
            .chain(middlewares)
            .map(|(kind, name)| (kind, name.clone()))
            .filter(|object| provider(&object.1) != "internal" && !self.references.uses(object))
            .map(|(kind, name)| {
                let at = self.index.place(kind, &name, "");
                let object = format!("{} {name}", kind.word());
                Finding::new(Severity::Warning, &at, object, "nothing uses it")
            })
            .collect()
    }
}

fn add(messages: &mut Messages, object: &Object, text: String) {
    let texts = messages.entry(object.clone()).or_default();
    if !texts.iter().any(|known| known.ends_with(&text)) {
        texts.push(text);
    }
}

/// Whether a message says again what another one of the same object says.
fn is_echo(text: &str, state: &State) -> bool {
    if text.starts_with(ECHO) {
        return true;
    }
    let has = |words: &str| state.errors.iter().any(|other| other.contains(words));
    match text {
        "no valid entryPoint for this router" => has("doesn't exist"),
        "router must have either a service or child routers" => has("no child routers"),
        _ => false,
    }
}

fn states(report: &Report) -> impl Iterator<Item = (Object, &State)> {
    let routers = report.routers.iter();
    let routers = routers.map(|(name, object)| ((Kind::Router, name.clone()), &object.state));
    let services = report.services.iter();
    let services = services.map(|(name, object)| ((Kind::Service, name.clone()), &object.state));
    let middlewares = report.middlewares.iter();
    let middlewares =
        middlewares.map(|(name, object)| ((Kind::Middleware, name.clone()), &object.state));
    routers.chain(services).chain(middlewares)
}
