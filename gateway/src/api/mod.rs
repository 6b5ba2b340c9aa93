//! Traefik's API, ping, the metrics' page and the dashboard. They read what is in force; caches that
//! allow it can be purged, nothing else can be changed.

mod caches;
mod certificates;
mod dashboard;
mod debug;
mod explain;
mod handler;
mod json;
mod list;
mod listed;
mod overview;
mod page;
mod ping;
mod query;
mod support;
#[cfg(test)]
mod tests;

pub use dashboard::Dashboard;
pub use explain::Explain;
pub use handler::Api;
pub use page::MetricsPage;
pub use ping::Ping;
