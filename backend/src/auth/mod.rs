//! Who is calling, from where, and whether they may: spec section 6.
//!
//! [`Guard`] holds what the configuration says and answers questions about one request's head; it keeps nothing. Rates are
//! counted by [`Rates`] and [`Bucket`]. `AUTH_MODE=jwt` is refused at start until it is built.

mod address;
mod identity;
mod origin;
mod rate;
mod token;

use std::net::IpAddr;

use http::HeaderMap;

pub use crate::config::Role;
pub use identity::{Denied, Identity};
pub use rate::{Bucket, Rates};

use crate::config::{Auth, Cidr};
use token::Tokens;

/// What the configuration says about identity and trust.
#[derive(Debug)]
pub struct Guard {
    /// `None`: everybody is an admin.
    tokens: Option<Tokens>,
    internal: Vec<Cidr>,
    origins: Vec<String>,
    proxies: Vec<Cidr>,
    control: Vec<Cidr>,
}

/// `AUTH_MODE` asks for something that does not exist yet.
#[derive(Debug, thiserror::Error)]
#[error(
    "AUTH_MODE=jwt: JSON Web Tokens are not supported by this version; use AUTH_MODE=token with STREAM_API_TOKENS, or off"
)]
pub struct JwtUnsupported;

impl Guard {
    /// Reads the configuration; `control` is `ALLOWED_IPS`.
    ///
    /// # Errors
    /// JWT is asked for.
    pub fn new(auth: &Auth, control: &[Cidr]) -> Result<Self, JwtUnsupported> {
        if auth.mode.jwt {
            return Err(JwtUnsupported);
        }
        Ok(Self {
            tokens: auth.mode.token.then(|| Tokens::new(&auth.tokens)),
            internal: auth.internal.clone(),
            origins: auth.allowed_origins.clone(),
            proxies: auth.trusted_proxies.clone(),
            control: control.to_vec(),
        })
    }

    /// Whether nobody has to say who he is (`AUTH_MODE=off`).
    pub fn is_open(&self) -> bool {
        self.tokens.is_none()
    }

    /// The client's address: the peer's, or what trusted proxies say in `X-Forwarded-For`.
    pub fn address(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        address::client(peer, headers, &self.proxies)
    }

    /// Whether a page of that origin may call. No `Origin`: not a browser, so yes.
    ///
    /// # Errors
    /// Another site's page.
    pub fn origin(&self, peer: IpAddr, headers: &HeaderMap) -> Result<(), Denied> {
        let trusted = address::is_in(&self.proxies, peer);
        if origin::is_allowed(headers, trusted, &self.origins) {
            return Ok(());
        }
        Err(Denied::Forbidden("Origin is not allowed"))
    }

    /// Who it is. Everybody is an admin with `AUTH_MODE=off`.
    ///
    /// # Errors
    /// A token is needed and none of those given is right.
    pub fn identify(&self, peer: IpAddr, headers: &HeaderMap) -> Result<Identity, Denied> {
        let forwarded = headers.contains_key("x-forwarded-for");
        let internal = !forwarded && address::is_in(&self.internal, peer);
        let Some(tokens) = &self.tokens else {
            return Ok(Identity {
                name: "anyone".into(),
                role: Role::Admin,
                internal,
            });
        };
        match tokens.find(headers) {
            Some(Ok((name, role))) => Ok(Identity {
                name,
                role,
                internal,
            }),
            Some(Err(())) => Err(Denied::Unauthorized("Token is not valid")),
            None if internal => Ok(Identity {
                name: "internal".into(),
                role: Role::Operator,
                internal,
            }),
            None => Err(Denied::Unauthorized("Authentication is required")),
        }
    }

    /// Whether control calls may come from this address (`ALLOWED_IPS`).
    ///
    /// # Errors
    /// The list is set and does not hold it.
    pub fn control_from(&self, address: IpAddr) -> Result<(), Denied> {
        if self.control.is_empty() || address::is_in(&self.control, address) {
            return Ok(());
        }
        Err(Denied::Forbidden(
            "Control is not allowed from this address",
        ))
    }
}

#[cfg(test)]
mod tests;
