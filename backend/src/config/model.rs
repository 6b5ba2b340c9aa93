//! The settings themselves, by what they are about. Durations carry no unit in their names: they are durations.

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use super::{Auth, Bitrate, FrameFormat, Quality, Resolution, Secret, ValueError};

/// Everything the process was told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// `NODE_ENV`.
    pub environment: Environment,
    /// The log.
    pub log: Log,
    /// The four listeners.
    pub ports: Ports,
    /// Where state is kept.
    pub store: Store,
    /// What the stream is to look like.
    pub stream: Stream,
    /// The frame source.
    pub frames: Frames,
    /// WebSocket limits and heartbeat.
    pub ws: Ws,
    /// Counters.
    pub telemetry: Telemetry,
    /// Identity and trust.
    pub auth: Auth,
    /// Limits of the REST interface.
    pub rest: Rest,
    /// `SHUTDOWN_GRACE_MS`: what clients get to leave.
    pub shutdown_grace: Duration,
}

/// `NODE_ENV`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Environment {
    /// The default.
    Development,
    /// Refuses to start without `AUTH_MODE`.
    Production,
    /// Automated tests.
    Test,
}

impl Environment {
    /// As written in the environment and in the log.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Development => "development",
            Self::Production => "production",
            Self::Test => "test",
        }
    }
}

impl FromStr for Environment {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        match text {
            "development" => Ok(Self::Development),
            "production" => Ok(Self::Production),
            "test" => Ok(Self::Test),
            _ => Err(ValueError {
                reason: "is not an environment",
                allowed: "development, production or test",
            }),
        }
    }
}

/// How much is logged, the least talkative first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// What ends the process.
    Fatal,
    /// What failed.
    Error,
    /// What may fail soon.
    Warn,
    /// What happened.
    Info,
    /// Each counter update.
    Debug,
    /// Everything.
    Trace,
}

impl FromStr for LogLevel {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        match text {
            "fatal" => Ok(Self::Fatal),
            "error" => Ok(Self::Error),
            "warn" => Ok(Self::Warn),
            "info" => Ok(Self::Info),
            "debug" => Ok(Self::Debug),
            "trace" => Ok(Self::Trace),
            _ => Err(ValueError {
                reason: "is not a level",
                allowed: "fatal, error, warn, info, debug or trace",
            }),
        }
    }
}

/// `LOG_LEVEL`, `LOG_PRETTY_PRINT`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Log {
    /// Lines below it are left out.
    pub level: LogLevel,
    /// For people instead of one JSON object a line.
    pub pretty: bool,
}

/// Where the process listens; 0 means any free port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ports {
    /// `HOST`: the address of all four.
    pub host: IpAddr,
    /// `PORT`: REST.
    pub api: u16,
    /// `WS_PORT`.
    pub ws: u16,
    /// `METRICS_PORT`.
    pub metrics: u16,
    /// `HEALTH_PORT`.
    pub health: u16,
}

impl Default for Ports {
    fn default() -> Self {
        Self {
            host: IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            api: 4200,
            ws: 4201,
            metrics: 4290,
            health: 4291,
        }
    }
}

/// What happens to a change that can't be stored (`STATE_PERSIST_MODE`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PersistMode {
    /// It counts, is broadcast, and is stored as soon as that is possible.
    Degrade,
    /// It is refused.
    Strict,
}

impl FromStr for PersistMode {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        match text {
            "degrade" => Ok(Self::Degrade),
            "strict" => Ok(Self::Strict),
            _ => Err(ValueError {
                reason: "is not a mode",
                allowed: "degrade or strict",
            }),
        }
    }
}

/// `STORE_PATH`: where the embedded store keeps its file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StorePath {
    /// Nothing outlives the process.
    Memory,
    /// One JSON file.
    File(PathBuf),
}

/// Where state is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Store {
    /// The Redis server's URL, password included. `None`: the embedded store.
    pub redis: Option<Secret>,
    /// The embedded store's file.
    pub path: StorePath,
    /// `STATE_PERSIST_MODE`.
    pub persist_mode: PersistMode,
    /// `INSTANCE_ID`: this process among several.
    pub instance_id: String,
    /// `EVENTS_PUBLISH`: also tell the surrounding system's event channels.
    pub events_publish: bool,
    /// `REDIS_FRAME_FANOUT`: also publish preview frames.
    pub frame_fanout: bool,
}

/// What the stream is to look like. Five of these can be changed at run time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stream {
    /// `STREAM_RESOLUTION`.
    pub resolution: Resolution,
    /// `TARGET_FPS`, 1 to 60.
    pub target_fps: u32,
    /// `STREAM_BITRATE`.
    pub bitrate: Bitrate,
    /// `RENDER_QUALITY`.
    pub quality: Quality,
    /// `MAX_LAYERS`, 1 to 100.
    pub max_layers: u32,
    /// `ENABLE_HARDWARE_ACCELERATION`, shown only.
    pub hardware_acceleration: bool,
    /// `STREAM_AUTO_START`: go live at boot.
    pub auto_start: bool,
}

/// The frame source and what accompanies it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frames {
    /// `VIEWPORT_WIDTH`, `VIEWPORT_HEIGHT`: the canvas.
    pub viewport: Resolution,
    /// `ASSET_STORAGE_PATH`.
    pub asset_storage: PathBuf,
    /// `RENDER_METRICS_INTERVAL`: between performance messages.
    pub metrics_interval: Duration,
    /// `RENDER_FRAME_BUFFER`: frames held.
    pub buffer: usize,
    /// `RENDER_DROP_FRAMES`: drop when the buffer is full.
    pub drop_frames: bool,
    /// `PIPELINE_MAX_QUEUE_SIZE`: frames waiting for an encoder.
    pub max_queue: usize,
    /// `PIPELINE_QUALITY`: JPEG quality, 1 to 100.
    pub jpeg_quality: u8,
    /// `PIPELINE_FORMAT`.
    pub format: FrameFormat,
    /// `EFFECTS_TRANSITION_DURATION`, told to clients.
    pub transition: Duration,
    /// `EFFECTS_DEFAULT_EASING`, told to clients.
    pub easing: String,
}

/// `WS_*`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ws {
    /// `WS_MAX_CLIENTS`.
    pub max_clients: usize,
    /// `WS_MAX_CLIENTS_PER_IP`; `None` is no limit.
    pub max_clients_per_ip: Option<usize>,
    /// `WS_PING_INTERVAL_MS`.
    pub ping_interval: Duration,
    /// `WS_TIMEOUT_MS`: silence after which a client is gone.
    pub timeout: Duration,
    /// `WS_MAX_MESSAGE_BYTES`, after reassembly.
    pub max_message_bytes: usize,
    /// `WS_RATE_PER_SEC`: messages a second.
    pub rate_per_sec: u32,
    /// `WS_RATE_BURST`: messages at once.
    pub rate_burst: u32,
    /// `WS_SEND_QUEUE`: messages waiting for one client and channel.
    pub send_queue: usize,
    /// `WS_WRITE_TIMEOUT_MS`: one write.
    pub write_timeout: Duration,
}

/// Counters change with every frame; this is how often others hear of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Telemetry {
    /// `TELEMETRY_BROADCAST_MS`.
    pub broadcast: Duration,
    /// `TELEMETRY_PERSIST_MS`.
    pub persist: Duration,
}

/// Limits of the REST interface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rest {
    /// `RATE_LIMIT_REQUESTS`: state-changing calls in one window and from one address.
    pub rate_limit_requests: u32,
    /// `RATE_LIMIT_WINDOW_MS`.
    pub rate_limit_window: Duration,
    /// `ALLOWED_IPS`: who may control the stream; empty is everybody.
    pub allowed_ips: Vec<super::Cidr>,
    /// `ENABLE_DEBUG_ENDPOINTS`.
    pub debug_endpoints: bool,
}
