//! The one who is asked: what the configuration says about identity and trust, held against a request's head.

use std::net::IpAddr;
use std::time::SystemTime;

use http::HeaderMap;

use super::jwt::Jwt;
use super::proof::Proof;
use super::token::Tokens;
use super::{Denied, Identity, Role, address, origin};
use crate::config::{AllowedOrigin, Auth, Cidr, Problem};

/// What the configuration says about identity and trust.
#[derive(Debug)]
pub struct Guard {
    /// With neither of these two, everybody is an admin.
    tokens: Option<Tokens>,
    jwt: Option<Jwt>,
    internal: Vec<Cidr>,
    origins: Vec<AllowedOrigin>,
    proxies: Vec<Cidr>,
    control: Vec<Cidr>,
}

impl Guard {
    /// Reads the configuration; `control` is `ALLOWED_IPS`.
    ///
    /// # Errors
    /// A key can't be used.
    pub fn new(auth: &Auth, control: &[Cidr]) -> Result<Self, Problem> {
        Ok(Self {
            tokens: auth.mode.token.then(|| Tokens::new(&auth.tokens)),
            jwt: match auth.mode.jwt {
                true => Some(Jwt::new(&auth.jwt)?),
                false => None,
            },
            internal: auth.internal.clone(),
            origins: auth.allowed_origins.clone(),
            proxies: auth.trusted_proxies.clone(),
            control: control.to_vec(),
        })
    }

    /// Fetches the keys that an issuer publishes, now and then. Must be called inside a runtime.
    pub fn keep_keys(&self) {
        if let Some(jwt) = &self.jwt {
            jwt.keep_keys();
        }
    }

    /// What has to be waited for before [`Self::identify`]: a key that is not known yet may have been published since.
    pub async fn prepare(&self, headers: &HeaderMap) {
        if let Some(jwt) = &self.jwt
            && let Some(Proof::Bearer(token) | Proof::Cookie(token)) = self.proof(headers)
        {
            jwt.prepare(token).await;
        }
    }

    /// Whether nobody has to say who he is (`AUTH_MODE=off`).
    pub fn is_open(&self) -> bool {
        self.tokens.is_none() && self.jwt.is_none()
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
        let listed = self.origins.iter().map(AllowedOrigin::as_str);
        if origin::is_allowed(headers, trusted, listed) {
            return Ok(());
        }
        Err(Denied::Forbidden("Origin is not allowed"))
    }

    /// Who it is. Everybody is an admin with `AUTH_MODE=off`.
    ///
    /// # Errors
    /// A proof is needed and the one given is not right, or a cookie comes from another site's page.
    pub fn identify(&self, peer: IpAddr, headers: &HeaderMap) -> Result<Identity, Denied> {
        let forwarded = headers.contains_key("x-forwarded-for");
        let internal = !forwarded && address::is_in(&self.internal, peer);
        let identity = match self.proof(headers) {
            _ if self.is_open() => Identity::new("anyone", Role::Admin),
            Some(proof) => {
                if matches!(proof, Proof::Cookie(_)) {
                    self.own_page(peer, headers)?;
                }
                self.proven(proof)?
            }
            None if internal => Identity::new("internal", Role::Operator),
            None => return Err(Denied::Unauthorized("Authentication is required")),
        };
        Ok(Identity {
            internal,
            ..identity
        })
    }

    fn proof<'a>(&self, headers: &'a HeaderMap) -> Option<Proof<'a>> {
        Proof::of(headers, self.tokens.is_some(), self.jwt.is_some())
    }

    fn proven(&self, proof: Proof<'_>) -> Result<Identity, Denied> {
        if let (Some(tokens), Proof::Bearer(token) | Proof::Key(token)) = (&self.tokens, proof)
            && let Some(identity) = tokens.find(token)
        {
            return Ok(identity);
        }
        match (&self.jwt, proof) {
            (Some(jwt), Proof::Bearer(token) | Proof::Cookie(token)) => {
                jwt.identify(token, SystemTime::now())
            }
            _ => Err(Denied::Unauthorized("Token is not valid")),
        }
    }

    fn own_page(&self, peer: IpAddr, headers: &HeaderMap) -> Result<(), Denied> {
        let trusted = address::is_in(&self.proxies, peer);
        let listed = self.origins.iter().map(AllowedOrigin::as_str);
        if origin::is_certain(headers, trusted, listed) {
            return Ok(());
        }
        let text = "A session cookie counts only with the Origin of a page that may call";
        Err(Denied::Forbidden(text))
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
