//! Who may do what: tokens, JWT keys, origins, proxies.

use std::str::FromStr;

use super::{AllowedOrigin, Cidr, Secret, ValueError};

/// What somebody may do; each role may do what the ones before it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Reads, subscriptions, sending chat messages.
    Viewer,
    /// Moderating the chat.
    Moderator,
    /// Control, configuration, layers, scene, frames.
    Operator,
    /// Everything.
    Admin,
}

impl Role {
    /// As in tokens and on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Moderator => "moderator",
            Self::Operator => "operator",
            Self::Admin => "admin",
        }
    }
}

impl FromStr for Role {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        match text {
            "viewer" => Ok(Self::Viewer),
            "moderator" => Ok(Self::Moderator),
            "operator" => Ok(Self::Operator),
            "admin" => Ok(Self::Admin),
            _ => Err(ValueError {
                reason: "is not a role",
                allowed: "viewer, moderator, operator or admin",
            }),
        }
    }
}

/// Which proofs of identity are accepted (`AUTH_MODE`). Both false: everybody is an admin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AuthMode {
    /// Tokens of `STREAM_API_TOKENS`.
    pub token: bool,
    /// JSON Web Tokens.
    pub jwt: bool,
}

impl AuthMode {
    /// Whether nobody has to prove anything.
    pub fn is_off(self) -> bool {
        !self.token && !self.jwt
    }
}

impl FromStr for AuthMode {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let (token, jwt) = match text {
            "off" => (false, false),
            "token" => (true, false),
            "jwt" => (false, true),
            "token,jwt" | "jwt,token" => (true, true),
            _ => {
                return Err(ValueError {
                    reason: "is not a mode",
                    allowed: "off, token, jwt, or token,jwt",
                });
            }
        };
        Ok(Self { token, jwt })
    }
}

/// One entry of `STREAM_API_TOKENS`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiToken {
    /// Whose it is, for the log.
    pub name: String,
    /// What it allows.
    pub role: Role,
    /// The token itself.
    pub secret: Secret,
}

/// How JSON Web Tokens are checked.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Jwt {
    /// Where the issuer publishes its keys; with a scheme and a host.
    pub jwks_url: Option<http::Uri>,
    /// One public key in PEM form, or the path of a file with it.
    pub public_key: Option<String>,
    /// The shared key of HS256.
    pub secret: Option<Secret>,
    /// The `iss` that is accepted.
    pub issuer: Option<String>,
    /// The `aud` that is accepted.
    pub audience: Option<String>,
    /// Whether tokens that never expire are accepted.
    pub allow_no_exp: bool,
}

/// Identity and trust, section 6 of the specification.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Auth {
    /// `AUTH_MODE`.
    pub mode: AuthMode,
    /// `STREAM_API_TOKENS`.
    pub tokens: Vec<ApiToken>,
    /// `JWT_*`.
    pub jwt: Jwt,
    /// Peers trusted as operators when no proxy is in between.
    pub internal: Vec<Cidr>,
    /// Origins allowed beside the request's own host.
    pub allowed_origins: Vec<AllowedOrigin>,
    /// Peers whose `X-Forwarded-*` is believed.
    pub trusted_proxies: Vec<Cidr>,
}
