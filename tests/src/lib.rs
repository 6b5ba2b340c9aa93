//! What the end-to-end tests share: real binaries, real sockets, and deadlines instead of sleeps.
//!
//! A test starts the workspace's own programs ([`stack`]), talks to them as a client would ([`http1`], [`websocket`],
//! [`tls`]) or as an upstream would ([`upstream`]), and polls for what it expects ([`poll`]). What a program printed is
//! shown when the test that started it fails ([`process`]).

pub mod binaries;
pub mod dev;
pub mod echo;
pub mod grpc;
pub mod http1;
pub mod poll;
pub mod ports;
pub mod process;
pub mod recorder;
pub mod redis;
pub mod schema;
pub mod source;
pub mod stack;
pub mod stream;
pub mod tls;
pub mod upstream;
pub mod usage;
pub mod websocket;
pub mod whole;
pub mod yaml;
