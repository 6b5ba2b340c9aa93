//! The nearest name that exists, for messages about one that does not.

use super::references::{Kind, provider};
use crate::app::trial::Trial;
use crate::config::error::nearest;
use crate::config::install::Install;

/// How the messages of the compiler name what is not there, and what sort of thing that is.
const MARKS: [(&str, Sort); 6] = [
    ("the service \"", Sort::Object(Kind::Service)),
    ("middleware \"", Sort::Object(Kind::Middleware)),
    ("parent router \"", Sort::Object(Kind::Router)),
    (
        "servers transport not found ",
        Sort::Object(Kind::Transport),
    ),
    ("entryPoint \"", Sort::EntryPoint),
    ("unknown TLS options: ", Sort::TlsOptions),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sort {
    Object(Kind),
    EntryPoint,
    TlsOptions,
}

/// A name in a message that says that there is no such thing.
#[derive(Debug)]
pub(super) struct Missing<'m> {
    name: &'m str,
    sort: Sort,
}

impl<'m> Missing<'m> {
    pub(super) fn of(message: &'m str) -> Option<Self> {
        let not_there = [
            "does not exist",
            "doesn't exist",
            "not found",
            "unknown TLS options",
        ];
        if !not_there.iter().any(|words| message.contains(words)) {
            return None;
        }
        MARKS.iter().find_map(|(mark, sort)| {
            let (_, rest) = message.split_once(mark)?;
            let name = rest.split('"').next()?;
            Some(Self { name, sort: *sort })
        })
    }

    /// Whether it may be there all the same: a provider that only the running gateway asks could have it.
    pub(super) fn may_exist(&self, install: &Install) -> bool {
        let providers = &install.providers;
        self.sort != Sort::EntryPoint
            && match provider(self.name) {
                "docker" => providers.docker.is_some(),
                "swarm" => providers.swarm.is_some(),
                "redis" => providers.redis.is_some(),
                "http" => providers.http.is_some(),
                "rest" => providers.rest.is_some(),
                _ => false,
            }
    }

    /// What to write instead, for an object of `user`'s provider.
    pub(super) fn suggestion(&self, trial: &Trial, user: &str) -> Option<String> {
        if let Some(switch) = self.internal() {
            return Some(switch.to_owned());
        }
        let own = provider(user);
        let known: Vec<&str> = self.known(trial).map(|name| short(name, own)).collect();
        let wrong = short(self.name, own);
        let bare = wrong.split('@').next().unwrap_or_default();
        let mut others = known
            .iter()
            .filter(|name| name.split('@').next() == Some(bare));
        let near = others.next().copied();
        match near.or_else(|| nearest(wrong, known.iter().copied())) {
            Some(name) => Some(format!("did you mean `{name}`?")),
            None if self.sort == Sort::EntryPoint => {
                Some(format!("the entry points are {}", known.join(", ")))
            }
            None if !matches!(provider(self.name), "file" | "internal") => Some(format!(
                "the provider `{}` is not configured",
                provider(self.name)
            )),
            None => None,
        }
    }

    fn known<'t>(&self, trial: &'t Trial) -> Box<dyn Iterator<Item = &'t String> + 't> {
        let merged = &trial.merged;
        match self.sort {
            Sort::Object(Kind::Service) => Box::new(merged.services.keys()),
            Sort::Object(Kind::Middleware) => Box::new(merged.middlewares.keys()),
            Sort::Object(Kind::Router) => Box::new(merged.routers.keys()),
            Sort::Object(Kind::Transport) => Box::new(merged.servers_transports.keys()),
            Sort::EntryPoint => Box::new(trial.entry_points.iter()),
            Sort::TlsOptions => Box::new(merged.tls_options.keys()),
        }
    }

    /// Services of the gateway's own that are there only when they are switched on.
    fn internal(&self) -> Option<&'static str> {
        match self.name {
            "api@internal" => Some("switch it on in the install configuration: `api: {}`"),
            "dashboard@internal" => {
                Some("switch it on in the install configuration: `api: { dashboard: true }`")
            }
            "ping@internal" => Some("switch it on in the install configuration: `ping: {}`"),
            "prometheus@internal" => {
                Some("switch it on in the install configuration: `metrics: { prometheus: {} }`")
            }
            _ => None,
        }
    }
}

/// The name as an object of the provider `own` writes it.
fn short<'n>(name: &'n str, own: &str) -> &'n str {
    let bare = name
        .strip_suffix(own)
        .and_then(|name| name.strip_suffix('@'));
    bare.unwrap_or(name)
}
