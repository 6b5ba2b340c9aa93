//! Every variable with its default and its limits.

use std::net::{IpAddr, Ipv4Addr};

use super::reader::{Reader, entries};
use super::{
    ApiToken, Auth, AuthMode, Bitrate, Config, ConfigErrors, Environment, FrameFormat, Frames, Log,
    LogLevel, PersistMode, Ports, Quality, Resolution, Rest, Secret, Store, StorePath, Stream,
    Telemetry, ValueError, Warning, Ws, jwt, redis,
};

/// The longest time that can be set, a day in milliseconds.
const DAY: u64 = 86_400_000;
/// The shortest interval that makes sense for anything repeated.
const SHORTEST: u64 = 10;
/// Loopback and private ranges: where a proxy of ours would be.
const PRIVATE: &str = "127.0.0.0/8,::1/128,10.0.0.0/8,172.16.0.0/12,192.168.0.0/16,fc00::/7";

impl Config {
    /// Reads an environment, usually `std::env::vars()`.
    ///
    /// # Errors
    /// Every variable that can't be used, at once.
    pub fn from_vars(
        vars: impl Iterator<Item = (String, String)>,
    ) -> Result<(Self, Vec<Warning>), ConfigErrors> {
        let mut reader = Reader::new(vars);
        let environment = reader.value("NODE_ENV", Environment::Development);
        let stream = stream(&mut reader);
        let config = Self {
            environment,
            log: Log {
                level: reader.value("LOG_LEVEL", LogLevel::Info),
                pretty: reader.flag("LOG_PRETTY_PRINT", false),
            },
            ports: ports(&mut reader),
            store: store(&mut reader),
            frames: frames(&mut reader, stream.resolution),
            stream,
            ws: ws(&mut reader),
            telemetry: Telemetry {
                broadcast: reader.millis("TELEMETRY_BROADCAST_MS", 1000, SHORTEST..=DAY),
                persist: reader.millis("TELEMETRY_PERSIST_MS", 5000, SHORTEST..=DAY),
            },
            auth: auth(&mut reader, environment),
            rest: rest(&mut reader),
            shutdown_grace: reader.millis("SHUTDOWN_GRACE_MS", 10_000, 0..=DAY),
        };
        reader.finish(config)
    }
}

fn ports(reader: &mut Reader) -> Ports {
    let default = Ports::default();
    let mut taken: Vec<(&str, u16)> = Vec::new();
    let mut port = |variable, default| {
        let port = reader.number(variable, default, 0..=65535);
        if let Some((other, _)) = taken.iter().find(|(_, taken)| port != 0 && *taken == port) {
            let reason = format!("{port} is the port of {other} too");
            reader.problem(
                variable,
                reason,
                "four different ports, or 0 for any free one",
            );
        }
        taken.push((variable, port));
        port
    };
    let mut ports = Ports {
        host: default.host,
        api: port("PORT", default.api),
        ws: port("WS_PORT", default.ws),
        metrics: port("METRICS_PORT", default.metrics),
        health: port("HEALTH_PORT", default.health),
    };
    ports.host = host(reader);
    ports
}

fn host(reader: &mut Reader) -> IpAddr {
    let any = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
    match reader.text("HOST").map(|text| text.parse()) {
        None => any,
        Some(Ok(address)) => address,
        Some(Err(_)) => {
            let allowed = "an IP address of this machine, as 0.0.0.0, 127.0.0.1 or ::";
            reader.problem("HOST", "is not an IP address", allowed);
            any
        }
    }
}

fn store(reader: &mut Reader) -> Store {
    let path = match reader.text("STORE_PATH").as_deref() {
        None => StorePath::File("data/stream-manager.json".into()),
        Some("memory") => StorePath::Memory,
        Some(path) => StorePath::File(path.into()),
    };
    let host_name = reader.text("HOSTNAME").or_else(kernel_host_name);
    let host_name = host_name.unwrap_or_else(|| "stream-manager".to_owned());
    let store = Store {
        redis: redis::read(reader),
        path,
        persist_mode: reader.value("STATE_PERSIST_MODE", PersistMode::Degrade),
        instance_id: reader.short_text("INSTANCE_ID", &host_name),
        events_publish: reader.flag("EVENTS_PUBLISH", false),
        frame_fanout: reader.flag("REDIS_FRAME_FANOUT", false),
    };
    for (variable, set) in [
        ("EVENTS_PUBLISH", store.events_publish),
        ("REDIS_FRAME_FANOUT", store.frame_fanout),
    ] {
        if set && store.redis.is_none() {
            reader.warn(variable, "has no effect without REDIS_URL");
        }
    }
    store
}

fn kernel_host_name() -> Option<String> {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").ok()?;
    let name = name.trim();
    (!name.is_empty()).then(|| name.to_owned())
}

fn stream(reader: &mut Reader) -> Stream {
    let resolution = match reader.text("STREAM_RESOLUTION") {
        None => Resolution::HD,
        // As the existing service does: a wrong size does not keep a stream from starting.
        Some(text) => text.parse().unwrap_or_else(|error: ValueError| {
            let message = format!(
                "{text:?} {error}, {} is used; allowed: {}",
                Resolution::HD,
                error.allowed
            );
            reader.warn("STREAM_RESOLUTION", message);
            Resolution::HD
        }),
    };
    Stream {
        resolution,
        target_fps: reader.number("TARGET_FPS", 30, 1..=60),
        bitrate: reader.value("STREAM_BITRATE", Bitrate::default()),
        quality: reader.value("RENDER_QUALITY", Quality::High),
        max_layers: reader.number("MAX_LAYERS", 50, 1..=100),
        hardware_acceleration: reader.flag("ENABLE_HARDWARE_ACCELERATION", false),
        auto_start: reader.flag("STREAM_AUTO_START", false),
    }
}

fn frames(reader: &mut Reader, resolution: Resolution) -> Frames {
    let viewport = Resolution {
        width: reader.number("VIEWPORT_WIDTH", resolution.width, 16..=7680),
        height: reader.number("VIEWPORT_HEIGHT", resolution.height, 16..=7680),
    };
    Frames {
        viewport,
        asset_storage: reader
            .text("ASSET_STORAGE_PATH")
            .unwrap_or_else(|| "/assets".to_owned())
            .into(),
        metrics_interval: reader.millis("RENDER_METRICS_INTERVAL", 5000, SHORTEST..=DAY),
        buffer: reader.number("RENDER_FRAME_BUFFER", 10, 1..=1000),
        drop_frames: reader.flag("RENDER_DROP_FRAMES", true),
        max_queue: reader.number("PIPELINE_MAX_QUEUE_SIZE", 30, 1..=10_000),
        jpeg_quality: reader.number("PIPELINE_QUALITY", 80, 1..=100),
        format: reader.value("PIPELINE_FORMAT", FrameFormat::Jpeg),
        transition: reader.millis("EFFECTS_TRANSITION_DURATION", 500, 0..=DAY),
        easing: reader.short_text("EFFECTS_DEFAULT_EASING", "easeInOut"),
    }
}

fn ws(reader: &mut Reader) -> Ws {
    let per_ip = reader.number("WS_MAX_CLIENTS_PER_IP", 0, 0..=1_000_000);
    let ws = Ws {
        max_clients: reader.number("WS_MAX_CLIENTS", 10_000, 1..=1_000_000),
        max_clients_per_ip: (per_ip > 0).then_some(per_ip),
        ping_interval: reader.millis("WS_PING_INTERVAL_MS", 30_000, SHORTEST..=DAY),
        timeout: reader.millis("WS_TIMEOUT_MS", 60_000, SHORTEST..=DAY),
        max_message_bytes: reader.number("WS_MAX_MESSAGE_BYTES", 65_536, 256..=16_777_216),
        rate_per_sec: reader.number("WS_RATE_PER_SEC", 20, 1..=100_000),
        rate_burst: reader.number("WS_RATE_BURST", 40, 1..=100_000),
        send_queue: reader.number("WS_SEND_QUEUE", 256, 1..=65_536),
        write_timeout: reader.millis("WS_WRITE_TIMEOUT_MS", 10_000, SHORTEST..=DAY),
    };
    if ws.timeout <= ws.ping_interval {
        let reason = format!(
            "{} ms is not longer than WS_PING_INTERVAL_MS, {} ms: every quiet client would be dropped",
            ws.timeout.as_millis(),
            ws.ping_interval.as_millis()
        );
        reader.problem(
            "WS_TIMEOUT_MS",
            reason,
            "at least twice WS_PING_INTERVAL_MS",
        );
    }
    ws
}

fn rest(reader: &mut Reader) -> Rest {
    Rest {
        rate_limit_requests: reader.number("RATE_LIMIT_REQUESTS", 100, 1..=1_000_000_000),
        rate_limit_window: reader.millis("RATE_LIMIT_WINDOW_MS", 900_000, SHORTEST..=DAY),
        allowed_ips: reader.list("ALLOWED_IPS").unwrap_or_default(),
        debug_endpoints: reader.flag("ENABLE_DEBUG_ENDPOINTS", false),
    }
}

fn auth(reader: &mut Reader, environment: Environment) -> Auth {
    let mode = mode(reader, environment);
    let tokens = tokens(reader);
    if mode.token && tokens.is_empty() {
        let allowed =
            "name:role:secret, comma-separated; roles: viewer, moderator, operator, admin";
        reader.secret_problem(
            "STREAM_API_TOKENS",
            "AUTH_MODE asks for tokens, and none is usable",
            allowed,
        );
    }
    let jwt = jwt::read(reader, mode);
    let trusted = reader.list("TRUSTED_PROXIES");
    Auth {
        mode,
        tokens,
        jwt,
        internal: reader.list("AUTH_INTERNAL_CIDRS").unwrap_or_default(),
        allowed_origins: reader.list("ALLOWED_ORIGINS").unwrap_or_default(),
        trusted_proxies: trusted.unwrap_or_else(|| {
            entries(PRIVATE)
                .filter_map(|range| range.parse().ok())
                .collect()
        }),
    }
}

fn mode(reader: &mut Reader, environment: Environment) -> AuthMode {
    let unset = reader.text("AUTH_MODE").is_none();
    if unset && environment == Environment::Production {
        let reason = "is unset, and NODE_ENV=production asks for a decision";
        let allowed = "token, jwt, or token,jwt; off lets everybody control the stream";
        reader.problem("AUTH_MODE", reason, allowed);
    }
    let mode = reader.value("AUTH_MODE", AuthMode::default());
    if mode.is_off() {
        let message = "off: everybody who reaches the ports may control the stream";
        reader.warn("AUTH_MODE", message);
    }
    mode
}

fn tokens(reader: &mut Reader) -> Vec<ApiToken> {
    let Some(text) = reader.text("STREAM_API_TOKENS") else {
        return Vec::new();
    };
    let mut tokens: Vec<ApiToken> = Vec::new();
    for (index, entry) in entries(&text).enumerate() {
        match token(entry) {
            Ok(token) => tokens.push(token),
            // The entry holds a secret, so it is named by its place.
            Err(reason) => {
                let reason = format!("entry {}: {reason}", index + 1);
                reader.secret_problem(
                    "STREAM_API_TOKENS",
                    reason,
                    "name:role:secret, comma-separated",
                );
            }
        }
    }
    tokens
}

fn token(entry: &str) -> Result<ApiToken, String> {
    let mut parts = entry.splitn(3, ':').map(str::trim);
    let (Some(name), Some(role), Some(secret)) = (parts.next(), parts.next(), parts.next()) else {
        return Err("has fewer than three parts".to_owned());
    };
    if name.is_empty() || secret.is_empty() {
        return Err("has an empty name or secret".to_owned());
    }
    let role = role.parse().map_err(|error: ValueError| {
        // What stands in the role's place may be a secret in the wrong place.
        format!("its role {error}; allowed: {}", error.allowed)
    })?;
    Ok(ApiToken {
        name: name.to_owned(),
        role,
        secret: Secret::new(secret),
    })
}
