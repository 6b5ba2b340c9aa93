//! Layers and the scene they are a view of.

use http::StatusCode;
use serde_json::{Map, Value, json};

use super::Response;
use super::answer::{ApiError, data, json as answer};
use super::api::Api;
use super::body;
use super::control::marked;
use crate::owner::Applied;
use crate::state::{
    Command, LayerPatch, SceneEdit, ScenePatch, Snapshot, Versioned, find, find_by_word, layers,
};
use crate::store::random_id;

impl Api {
    pub(super) fn get_layers(&self) -> Response {
        listed(&self.owner.snapshot())
    }

    pub(super) fn get_layer(&self, id: &str) -> Result<Response, ApiError> {
        one(&self.owner.snapshot(), id, StatusCode::OK)
    }

    /// A layer without an id gets one.
    pub(super) async fn create_layer(&self, body: &[u8]) -> Result<Response, ApiError> {
        let body = body::object(body)?;
        let id = match body.get("id") {
            None | Some(Value::Null) => format!("layer-{}", random_id()),
            Some(Value::String(id)) => id.clone(),
            Some(_) => return Err(ApiError::validation("id must be a string")),
        };
        let layer = LayerPatch::from_json(&body, "")?.into_layer(id.clone());
        let applied = self.edit(SceneEdit::Create(Box::new(layer))).await?;
        let response = one(&applied.snapshot, &id, StatusCode::CREATED)?;
        Ok(marked(response, &applied))
    }

    pub(super) async fn replace_layer(&self, id: &str, body: &[u8]) -> Result<Response, ApiError> {
        let body = body::object(body)?;
        let layer = LayerPatch::from_json(&body, "")?.into_layer(id.to_owned());
        self.answer_layer(id, SceneEdit::Replace(Box::new(layer)))
            .await
    }

    pub(super) async fn patch_layer(&self, id: &str, body: &[u8]) -> Result<Response, ApiError> {
        let body = body::object(body)?;
        let patch = LayerPatch::from_json(&body, "")?;
        self.change_layer(id, patch, &body).await
    }

    pub(super) async fn remove_layer(&self, id: &str) -> Result<Response, ApiError> {
        let applied = self.edit(SceneEdit::Remove(id.to_owned())).await?;
        let response = data(&json!({"id": id, "removed": true}));
        Ok(marked(response, &applied))
    }

    pub(super) async fn layer_visibility(
        &self,
        id: &str,
        body: &[u8],
    ) -> Result<Response, ApiError> {
        let body = body::object(body)?;
        let Some(visible) = body.get("visible").and_then(Value::as_bool) else {
            return Err(ApiError::validation("Visibility must be a boolean"));
        };
        self.change_layer(id, LayerPatch::visible(visible), &body)
            .await
    }

    pub(super) async fn layer_transform(
        &self,
        id: &str,
        body: &[u8],
    ) -> Result<Response, ApiError> {
        let body = body::object(body)?;
        let patch = LayerPatch::transform_from_json(inner(&body, "transform"))?;
        self.change_layer(id, patch, &body).await
    }

    pub(super) async fn layer_content(&self, id: &str, body: &[u8]) -> Result<Response, ApiError> {
        let body = body::object(body)?;
        let patch = LayerPatch::content_from_json(inner(&body, "content"))?;
        self.change_layer(id, patch, &body).await
    }

    pub(super) async fn order_layers(&self, body: &[u8]) -> Result<Response, ApiError> {
        let body = body::object(body)?;
        let order = body.get("order").and_then(Value::as_array);
        let ids = order.and_then(|order| {
            let ids = order.iter().map(|id| id.as_str().map(str::to_owned));
            ids.collect::<Option<Vec<_>>>()
        });
        let ids = ids.ok_or_else(|| ApiError::validation("order must be a list of layer ids"))?;
        let applied = self.edit(SceneEdit::Order(ids)).await?;
        Ok(marked(listed(&applied.snapshot), &applied))
    }

    /// Several at once by type; each says for itself how it went.
    pub(super) async fn update_layers(&self, body: &[u8]) -> Result<Response, ApiError> {
        let body = body::object(body)?;
        let wrong = || ApiError::validation("Invalid updates format");
        let updates = body
            .get("updates")
            .and_then(Value::as_array)
            .ok_or_else(wrong)?;
        let wishes = updates.iter().map(|update| {
            let kind = update.get("type")?.as_str()?;
            Some((kind, update.get("visible")?.as_bool()?))
        });
        let wishes = wishes.collect::<Option<Vec<_>>>().ok_or_else(wrong)?;
        let mut results = Vec::with_capacity(wishes.len());
        let mut persisted = true;
        for (kind, visible) in wishes {
            results.push(match self.toggled(kind, Some(visible)).await {
                Ok((layer, applied)) => {
                    persisted &= applied.persisted || !applied.changed;
                    json!({"type": kind, "success": true, "data": layer})
                }
                Err(error) => json!({"type": kind, "success": false, "error": error.message()}),
            });
        }
        let snapshot = self.owner.snapshot();
        let count = snapshot.scene.assets().count();
        let response = data(&json!({"results": results, "layerCount": count}));
        let applied = Applied {
            snapshot,
            changed: true,
            persisted,
        };
        Ok(marked(response, &applied))
    }

    /// Shows, hides or flips the layer of that id, role or type.
    pub(super) async fn toggle(&self, word: &str, body: &[u8]) -> Result<Response, ApiError> {
        let body = body::object(body)?;
        let visible = match body.get("visible") {
            None | Some(Value::Null) => None,
            Some(Value::Bool(visible)) => Some(*visible),
            Some(_) => return Err(ApiError::validation("Visibility must be a boolean")),
        };
        let (layer, applied) = self.toggled(word, visible).await?;
        let now = layer.layer.visible;
        let layer = json!({
            "id": layer.layer.id, "type": layer.layer.kind, "visible": now, "actualState": now,
            "version": layer.version,
        });
        let response = answer(StatusCode::OK, &json!({"success": true, "layer": layer}));
        Ok(marked(response, &applied))
    }

    pub(super) fn get_scene(&self) -> Response {
        data(&*self.owner.snapshot().scene)
    }

    /// `whole`: parts that are missing become empty.
    pub(super) async fn patch_scene(&self, body: &[u8], whole: bool) -> Result<Response, ApiError> {
        let patch = ScenePatch::from_json(&body::object(body)?, whole)?;
        let applied = self.edit(SceneEdit::Patch(patch)).await?;
        let response = data(&*applied.snapshot.scene);
        Ok(marked(response, &applied))
    }

    async fn edit(&self, edit: SceneEdit) -> Result<Applied, ApiError> {
        self.apply(Command::Scene(edit)).await
    }

    async fn change_layer(
        &self,
        id: &str,
        patch: LayerPatch,
        body: &Map<String, Value>,
    ) -> Result<Response, ApiError> {
        let expected = match body.get("expectedVersion") {
            None | Some(Value::Null) => None,
            Some(version) => Some(version.as_u64().ok_or_else(|| {
                ApiError::validation("expectedVersion must be a version, a whole number")
            })?),
        };
        let edit = SceneEdit::Change {
            id: id.to_owned(),
            patch: Box::new(patch),
            expected,
        };
        self.answer_layer(id, edit).await
    }

    async fn answer_layer(&self, id: &str, edit: SceneEdit) -> Result<Response, ApiError> {
        let applied = self.edit(edit).await?;
        let response = one(&applied.snapshot, id, StatusCode::OK)?;
        Ok(marked(response, &applied))
    }

    async fn toggled(
        &self,
        word: &str,
        visible: Option<bool>,
    ) -> Result<(Versioned, Applied), ApiError> {
        let edit = SceneEdit::Toggle {
            word: word.to_owned(),
            visible,
        };
        let applied = self.edit(edit).await?;
        let layer = find_by_word(&applied.snapshot.scene, word)?;
        Ok((Versioned::new(layer, &applied.snapshot.marks), applied))
    }
}

/// The fields themselves, or one level below that name, as the messages of the WebSocket have them.
fn inner<'a>(body: &'a Map<String, Value>, name: &str) -> &'a Map<String, Value> {
    body.get(name).and_then(Value::as_object).unwrap_or(body)
}

fn listed(snapshot: &Snapshot) -> Response {
    let all = layers(&snapshot.scene).into_iter();
    let shown: Vec<_> = all
        .map(|layer| Versioned::new(layer, &snapshot.marks))
        .collect();
    let body = json!({"success": true, "count": shown.len(), "data": shown});
    answer(StatusCode::OK, &body)
}

fn one(snapshot: &Snapshot, id: &str, status: StatusCode) -> Result<Response, ApiError> {
    let layer = find(&snapshot.scene, id).ok_or_else(|| {
        let details = format!("Layer not found: {id}");
        ApiError::new(StatusCode::NOT_FOUND, "LAYER_NOT_FOUND", "Layer not found")
            .detailed(Value::String(details))
    })?;
    let layer = Versioned::new(layer, &snapshot.marks);
    Ok(answer(status, &json!({"success": true, "data": layer})))
}
