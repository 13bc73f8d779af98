//! The models that a key may call.

use std::sync::Arc;

use hyper::{Response, StatusCode};
use llmlite_core::{
    catalogue::{self, Lookup, Sampling, ServedModel, Thinking, ThinkingOff},
    keys::KeyGrant,
};
use llmlite_http::{Body, reply};
use llmlite_openai::models::{ModelList, ModelObject};
use llmlite_translator as translator;
use serde::Serialize;

use crate::{app::App, failure::Failure};

/// What a request gets that names no maximum. Bedrock reserves the maximum against the account's
/// quota, so the model's own would be far too much.
const DEFAULT_MAX_TOKENS: u32 = 8192;

impl App {
    /// The model that `name` leads to, if it may be called with this key.
    pub(crate) fn choose_model(
        &self,
        grant: &KeyGrant,
        name: &str,
    ) -> Result<Arc<ServedModel>, Failure> {
        match self.catalogue.now().find(name) {
            Some(Lookup::Served(model)) if grant.models.allows(&model.name) => {
                Ok(Arc::clone(model))
            }
            Some(Lookup::TooFar {
                name: model,
                needs,
                allowed,
            }) if grant.models.allows(model) => Err(Failure::Residency {
                model: Arc::clone(model),
                needs: *needs,
                allowed: *allowed,
            }),
            // A model that the key may not call is to it like one that does not exist.
            _ => Err(Failure::UnknownModel {
                model: name.to_owned(),
            }),
        }
    }

    /// `GET /v1/models`.
    pub(crate) fn list_models(&self, grant: &KeyGrant) -> Response<Body> {
        let catalogue = self.catalogue.now();
        let models = catalogue.listed().iter();
        let data = models
            .filter(|model| grant.models.allows(&model.name))
            .map(|model| described(model))
            .collect();
        json(&ModelList::new(data))
    }

    /// `GET /v1/models/{id}`.
    pub(crate) fn show_model(
        &self,
        grant: &KeyGrant,
        escaped: &str,
    ) -> Result<Response<Body>, Failure> {
        let name = unescape(escaped).unwrap_or_else(|| escaped.to_owned());
        let model = self.choose_model(grant, &name)?;
        Ok(json(&described(&model)))
    }
}

/// What the translator has to know of a model.
pub(crate) fn abilities(model: &ServedModel) -> translator::Model {
    translator::Model {
        max_output_tokens: model.max_output_tokens,
        default_max_tokens: DEFAULT_MAX_TOKENS.min(model.max_output_tokens),
        sampling: match model.abilities.sampling {
            Sampling::Both => translator::Sampling::Both,
            Sampling::OneOf => translator::Sampling::OneOf,
            Sampling::None => translator::Sampling::None,
        },
        prefill: model.abilities.prefill,
        vision: model.abilities.vision,
        pdf: model.abilities.pdf,
        forced_tool: model.abilities.forced_tool,
        thinking: thinking(model.abilities.thinking),
        json_schema: model.abilities.json_schema,
        strict_tools: model.abilities.strict_tools,
        cache: model.abilities.cache.map(|cache| translator::PromptCache {
            min_tokens: cache.min_tokens,
            one_hour: cache.one_hour,
        }),
        system_turns: model.abilities.system_turns,
    }
}

fn thinking(thinking: Thinking) -> translator::Thinking {
    match thinking {
        Thinking::None => translator::Thinking::None,
        Thinking::Budget => translator::Thinking::Budget,
        Thinking::Adaptive(catalogue::Adaptive {
            off,
            budget,
            xhigh,
            max,
            hidden,
        }) => translator::Thinking::Adaptive(translator::Adaptive {
            off: match off {
                ThinkingOff::Unasked => translator::ThinkingOff::Unasked,
                ThinkingOff::Disabled => translator::ThinkingOff::Disabled,
                ThinkingOff::BetweenTools => translator::ThinkingOff::BetweenTools,
                ThinkingOff::Never => translator::ThinkingOff::Never,
            },
            budget,
            xhigh,
            max,
            hidden,
        }),
    }
}

fn described(model: &ServedModel) -> ModelObject {
    ModelObject::new(&*model.name, model.created.unwrap_or_default(), "anthropic")
}

fn json(document: &impl Serialize) -> Response<Body> {
    reply::json(
        StatusCode::OK,
        serde_json::to_vec(document).unwrap_or_default(),
    )
}

/// Undoes percent-encoding: ids hold colons and slashes.
fn unescape(escaped: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(escaped.len());
    let mut rest = escaped.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        rest = tail;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let (digits, tail) = rest.split_at_checked(2)?;
        if !digits.iter().all(u8::is_ascii_hexdigit) {
            return None;
        }
        bytes.push(u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?);
        rest = tail;
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::unescape;

    #[test]
    fn ids_are_unescaped_once_and_never_badly() {
        assert_eq!(unescape("a%3Ab%2fc").as_deref(), Some("a:b/c"));
        assert_eq!(unescape("%2525").as_deref(), Some("%25"));
        for bad in ["%", "%2", "%zz", "%ff", "%+1"] {
            assert_eq!(unescape(bad), None, "{bad}");
        }
    }
}
