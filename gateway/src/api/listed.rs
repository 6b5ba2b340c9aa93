//! What the API's lists have in common: how an object is shown, found and sorted.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

use serde::ser::{Serialize, SerializeMap as _, Serializer};

use crate::config::decode::Section;
use crate::config::dynamic::{
    Middleware, Router, Service, TcpMiddleware, TcpRouter, TcpService, Type, UdpRouter, UdpService,
};
use crate::runtime::Object;

/// An object that the API lists.
pub(super) trait Listed: Section + Clone {
    /// What it is called where it is not found.
    const NAME: &'static str;
    /// The key of those it uses or is used by.
    const USES: &'static str;

    /// Its type, e.g. `loadbalancer`; `None` for routers, empty where none is set.
    fn kind(&self) -> Option<String> {
        None
    }

    /// Its rule; `None` for what is no router.
    fn rule(&self) -> Option<&str> {
        None
    }

    /// The service of a router.
    fn service(&self) -> &str {
        ""
    }

    /// The middlewares of a router.
    fn middlewares(&self) -> &[String] {
        &[]
    }

    /// The priority of a router.
    fn priority(&self) -> Option<i64> {
        None
    }

    /// How many entry points a router names.
    fn entry_points(&self) -> usize {
        0
    }

    /// How many servers a service has.
    fn servers(&self) -> usize {
        0
    }

    /// As the lists show it.
    fn shown(&self) -> Cow<'_, Self> {
        Cow::Borrowed(self)
    }
}

impl Listed for Router {
    const NAME: &'static str = "router";
    const USES: &'static str = "using";

    fn rule(&self) -> Option<&str> {
        Some(&self.rule)
    }

    fn service(&self) -> &str {
        &self.service
    }

    fn middlewares(&self) -> &[String] {
        &self.middlewares
    }

    fn priority(&self) -> Option<i64> {
        Some(self.priority)
    }

    fn entry_points(&self) -> usize {
        self.entry_points.len()
    }

    fn shown(&self) -> Cow<'_, Self> {
        match &self.tls {
            Some(tls) if tls.options.is_empty() => {
                let mut shown = self.clone();
                if let Some(tls) = &mut shown.tls {
                    "default".clone_into(&mut tls.options);
                }
                Cow::Owned(shown)
            }
            _ => Cow::Borrowed(self),
        }
    }
}

impl Listed for Service {
    const NAME: &'static str = "service";
    const USES: &'static str = "usedBy";

    fn kind(&self) -> Option<String> {
        Some(kind(self.type_of(), &self.present()))
    }

    fn servers(&self) -> usize {
        let balancer = self.load_balancer.as_ref();
        balancer.map_or(0, |balancer| balancer.servers.len())
    }
}

impl Listed for Middleware {
    const NAME: &'static str = "middleware";
    const USES: &'static str = "usedBy";

    fn kind(&self) -> Option<String> {
        if let (Type::One("plugin"), Some(name)) = (self.type_of(), self.plugin.keys().next()) {
            return Some(name.to_lowercase());
        }
        Some(kind(self.type_of(), &self.present()))
    }
}

impl Listed for TcpRouter {
    const NAME: &'static str = "router";
    const USES: &'static str = "using";

    fn rule(&self) -> Option<&str> {
        Some(&self.rule)
    }

    fn service(&self) -> &str {
        &self.service
    }

    fn middlewares(&self) -> &[String] {
        &self.middlewares
    }

    fn priority(&self) -> Option<i64> {
        Some(self.priority)
    }

    fn entry_points(&self) -> usize {
        self.entry_points.len()
    }
}

impl Listed for TcpService {
    const NAME: &'static str = "service";
    const USES: &'static str = "usedBy";

    fn kind(&self) -> Option<String> {
        Some(kind(self.type_of(), &self.present()))
    }

    fn servers(&self) -> usize {
        let balancer = self.load_balancer.as_ref();
        balancer.map_or(0, |balancer| balancer.servers.len())
    }
}

impl Listed for TcpMiddleware {
    const NAME: &'static str = "middleware";
    const USES: &'static str = "usedBy";

    fn kind(&self) -> Option<String> {
        Some(kind(self.type_of(), &self.present()))
    }
}

impl Listed for UdpRouter {
    const NAME: &'static str = "router";
    const USES: &'static str = "using";

    fn rule(&self) -> Option<&str> {
        Some("")
    }

    fn service(&self) -> &str {
        &self.service
    }

    fn entry_points(&self) -> usize {
        self.entry_points.len()
    }
}

impl Listed for UdpService {
    const NAME: &'static str = "service";
    const USES: &'static str = "usedBy";

    fn kind(&self) -> Option<String> {
        Some(kind(self.type_of(), &self.present()))
    }

    fn servers(&self) -> usize {
        let balancer = self.load_balancer.as_ref();
        balancer.map_or(0, |balancer| balancer.servers.len())
    }
}

/// The one type, or the first of several.
fn kind(of: Type, present: &[&'static str]) -> String {
    match of {
        Type::None => String::new(),
        Type::One(kind) => kind.to_lowercase(),
        Type::Several => present
            .first()
            .map_or(String::new(), |kind| kind.to_lowercase()),
    }
}

/// An object as JSON: its configuration, what became of it, and in lists its name and more.
pub(super) struct Shown<'a, T> {
    pub(super) name: &'a str,
    pub(super) object: &'a Object<T>,
    pub(super) in_list: bool,
}

/// What follows the `@`.
pub(super) fn provider(name: &str) -> &str {
    name.split_once('@').map_or("", |(_, provider)| provider)
}

impl<T: Listed> Serialize for Shown<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Object { config, state } = self.object;
        let mut map = serializer.serialize_map(None)?;
        if self.in_list {
            config.shown().write_fields(&mut map)?;
        } else {
            config.write_fields(&mut map)?;
        }
        if !state.errors.is_empty() {
            map.serialize_entry("error", &state.errors)?;
        }
        map.serialize_entry("status", state.status.name())?;
        if !state.uses.is_empty() {
            map.serialize_entry(T::USES, &state.uses)?;
        }
        if self.in_list {
            map.serialize_entry("name", self.name)?;
            map.serialize_entry("provider", provider(self.name))?;
            if let Some(priority) = config.priority() {
                map.serialize_entry("priorityStr", &priority.to_string())?;
            }
            if let Some(kind) = config.kind().filter(|kind| !kind.is_empty()) {
                map.serialize_entry("type", &kind)?;
            }
        }
        if !state.servers.is_empty() {
            let servers: BTreeMap<&str, &str> = state
                .servers
                .iter()
                .map(|(url, up)| {
                    let up = up.load(Ordering::Relaxed);
                    (url.as_str(), if up { "UP" } else { "DOWN" })
                })
                .collect();
            map.serialize_entry("serverStatus", &servers)?;
        }
        map.end()
    }
}
