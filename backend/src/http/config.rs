//! Settings: six keys without an envelope, as clients know them.

use http::StatusCode;
use serde_json::Value;

use super::Response;
use super::answer::{ApiError, json};
use super::api::Api;
use super::body;
use super::control::marked;
use crate::state::{Command, SettingsPatch};

impl Api {
    pub(super) fn get_config(&self) -> Response {
        json(StatusCode::OK, &*self.owner.snapshot().settings)
    }

    /// All of the patch or nothing; answers as [`Self::get_config`].
    pub(super) async fn patch_config(&self, body: &[u8]) -> Result<Response, ApiError> {
        let patch = SettingsPatch::from_json(&Value::Object(body::object(body)?))?;
        let applied = self.apply(Command::PatchConfig(patch)).await?;
        let response = json(StatusCode::OK, &*applied.snapshot.settings);
        Ok(marked(response, &applied))
    }
}
