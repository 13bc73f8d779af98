//! A completion, from the body to the last byte of the answer.

use std::{sync::Arc, time::UNIX_EPOCH};

use bytes::Bytes;
use hyper::{
    HeaderMap, Response, StatusCode,
    body::Incoming,
    header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderName},
};
use llmlite_core::{
    catalogue::ServedModel,
    keys::KeyGrant,
    limits::Durability,
    ports::backend::{ModelAnswer, ModelCall},
    usage::Ending,
};
use llmlite_http::{Body, RequestId, body, reply};
use llmlite_openai::ChatRequest;
use llmlite_policy::{Admission, Denial, Entry, Wish, estimate};
use llmlite_translator::{CacheLife, DecodeError, Encoded, Options, Reply, Stamp, decode, encode};
use tokio::sync::{OwnedSemaphorePermit, oneshot};
use tracing::info;

use crate::{
    app::App, aside, auth::Caller, dialect::Dialect, failure::Failure, meter::Meter, models, named,
    options, pump::Pump, routes::Called, running::Run,
};

const RESIDENCY: HeaderName = HeaderName::from_static("x-llmlite-residency");
const REGION: HeaderName = HeaderName::from_static("x-llmlite-region");
const IGNORED: HeaderName = HeaderName::from_static("x-llmlite-ignored");
const ADJUSTED: HeaderName = HeaderName::from_static("x-llmlite-adjusted");

impl App {
    /// Reads, translates and admits the request, and hands it to a task of its own: Bedrock bills
    /// the whole answer, so the answer is read to its end even when the client leaves.
    pub(crate) async fn completion(
        self: Arc<Self>,
        dialect: Dialect,
        headers: &HeaderMap,
        body: &mut Option<Incoming>,
        caller: &mut Caller,
        id: &RequestId,
    ) -> Result<Response<Body>, Failure> {
        must_be_json(headers)?;
        let options = options::read(headers, &caller.grant, self.cache)?;
        let place = self.places.clone().try_acquire_owned();
        let place = place.map_err(|_| Failure::Busy)?;
        let body = body.take().ok_or(Failure::Lost)?;
        let body = body::read(body, self.body_bytes, self.body_time).await?;
        let arrived = self.clock.instant();
        let Order {
            name,
            model,
            streamed,
            encoded,
        } = self
            .order(dialect, body.clone(), &caller.grant, options)
            .await?;
        // First entered, then looked up: whatever changes after that finds the request.
        let run = self.running.enter(caller.key, &caller.grant);
        self.authenticate_again(caller).await?;
        let grant = &caller.grant;
        let wish = Wish {
            request_id: id.shared(),
            model: Arc::clone(&model),
            streamed,
            may_be_clamped: !options.strict,
            facts: self.facts(&encoded, &model),
        };
        let (meter, shortened) = self.admit(dialect, body, grant, options, wish).await?;
        let encoded = shortened.unwrap_or(encoded);
        let ignored = named::list(&encoded.ignored);
        let adjusted = named::list(&encoded.adjusted);
        let call = Call {
            name: Arc::clone(&model.name),
            model: ModelCall {
                bedrock_model_id: Arc::clone(&model.bedrock_model_id),
                event_id: meter.event_id(),
                body: encoded.body,
            },
            form: Form {
                dialect,
                reply: encoded.reply,
                stamp: self.stamp(dialect, id, name),
            },
            id: id.clone(),
            run,
            _place: place,
        };
        let (answer, answered) = oneshot::channel();
        let overhead = self.clock.instant().saturating_duration_since(arrived);
        self.measures.prepared(overhead);
        let app = Arc::clone(&self);
        if streamed {
            self.work.spawn(app.stream(call, meter, answer));
        } else {
            self.work.spawn(app.complete(call, meter, answer));
        }
        let answer = answered.await.unwrap_or(Err(Failure::Lost));
        let mut response = answer.unwrap_or_else(|failure| failure.answer(dialect, id));
        for (header, fields) in [(IGNORED, ignored), (ADJUSTED, adjusted)] {
            if !fields.is_empty() {
                reply::set(&mut response, header, &fields);
            }
        }
        self.tell_of_the_call(&mut response, &model, grant);
        Ok(response)
    }

    /// Writes what was called, and how the limits stand after it.
    fn tell_of_the_call(
        &self,
        response: &mut Response<Body>,
        model: &ServedModel,
        grant: &KeyGrant,
    ) {
        reply::set(response, RESIDENCY, model.residency.as_str());
        reply::set(response, REGION, &self.region);
        self.tell_limits(response.headers_mut(), grant, Some(&model.name));
        let called = Called(Arc::clone(&model.name));
        response.extensions_mut().insert(called);
    }

    /// Has the request admitted, and translated anew if a budget pays only for a shorter answer
    /// than it asks for.
    async fn admit(
        self: &Arc<Self>,
        dialect: Dialect,
        body: Bytes,
        grant: &KeyGrant,
        options: Options,
        wish: Wish,
    ) -> Result<(Meter, Option<Encoded>), Failure> {
        let model = Arc::clone(&wish.model);
        let denied = |denial| self.denied(denial, Some(&model.name));
        let admission = match self.policy.admit(grant, wish).map_err(denied)? {
            Entry::Admitted(admission) => admission,
            Entry::Waits(waiting) => {
                let began = self.clock.instant();
                let verdict = waiting.await;
                let wait = self.clock.instant().saturating_duration_since(began);
                self.measures.waited(wait);
                verdict.map_err(denied)?
            }
        };
        self.tell_of_shadows(&admission, grant);
        let durability = admission.durability();
        let meter = Meter::hold(Arc::clone(&self.policy), Arc::clone(&self.clock), admission);
        if durability == Durability::Sync && !self.intents.listed(meter.event_id()).await {
            return Err(denied(Denial::NotListed));
        }
        let Some(most) = meter.clamped_to() else {
            return Ok((meter, None));
        };
        self.measures.clamped();
        let shortened = self.shorten(dialect, body, grant, options, &meter, most);
        match shortened.await? {
            Ok(encoded) => Ok((meter, Some(encoded))),
            Err(facts) => {
                drop(meter);
                Err(denied(self.policy.too_dear(grant, &model, &facts)))
            }
        }
    }

    /// Translates the request for an answer of at most `most` tokens. A shorter one can need other
    /// words in the request, so what these cost is looked at again; returned are the facts of a
    /// request for which the budget is too small.
    async fn shorten(
        self: &Arc<Self>,
        dialect: Dialect,
        body: Bytes,
        grant: &KeyGrant,
        options: Options,
        meter: &Meter,
        mut most: u32,
    ) -> Result<Result<Encoded, estimate::Facts>, Failure> {
        loop {
            let options = Options {
                most_output: Some(most),
                ..options
            };
            let Order { model, encoded, .. } =
                self.order(dialect, body.clone(), grant, options).await?;
            let facts = self.facts(&encoded, &model);
            match meter.affordable_output(&facts) {
                Some(affordable) if affordable >= facts.max_tokens => return Ok(Ok(encoded)),
                Some(affordable) => most = affordable,
                None => return Ok(Err(facts)),
            }
        }
    }

    /// What limits that are only watched would have said.
    fn tell_of_shadows(&self, admission: &Admission, grant: &KeyGrant) {
        for refusal in admission.shadowed() {
            let Some(limit) = &refusal.limit else {
                continue;
            };
            self.measures.shadowed(limit.measure);
            info!(
                key.id = %grant.key_id, limit.id = %limit.id, ceiling = limit.ceiling,
                used = limit.used, asked = limit.asked, "a limit in shadow would have refused"
            );
        }
    }

    /// Reads and translates what the body asks for: a large one where it holds nobody up.
    async fn order(
        self: &Arc<Self>,
        dialect: Dialect,
        body: Bytes,
        grant: &KeyGrant,
        options: Options,
    ) -> Result<Order, Failure> {
        if body.len() <= aside::SMALL {
            return self.translated(dialect, &body, grant, options);
        }
        let (app, grant) = (Arc::clone(self), grant.clone());
        let bytes = body.len();
        let job = move || app.translated(dialect, &body, &grant, options);
        let order = self.aside.run(bytes, job).await;
        order.unwrap_or(Err(Failure::Lost))
    }

    fn translated(
        &self,
        dialect: Dialect,
        body: &[u8],
        grant: &KeyGrant,
        options: Options,
    ) -> Result<Order, Failure> {
        let options = Options {
            // Thoughts have no place in text, and would use up the few tokens that its clients
            // allow an answer.
            thoughtless: dialect == Dialect::Text,
            ..options
        };
        let (body, unknown) = dialect.chat_body(body)?;
        let mut request = ChatRequest::parse(&body)?;
        request.unknown.extend(unknown);
        let model = self.choose_model(grant, &request.model)?;
        let encoded = encode(&request, &models::abilities(&model), options)?;
        Ok(Order {
            model,
            streamed: request.streams(),
            name: request.model.into_owned(),
            encoded,
        })
    }

    async fn complete(self: Arc<Self>, call: Call, mut meter: Meter, client: Client) {
        meter.start();
        let answer = tokio::select! {
            biased;
            answer = self.backend.invoke(call.model) => answer,
            failure = self.interrupted(&call.run) => {
                meter.abandoned(Ending::Shutdown);
                return tell(client, Err(failure));
            }
        };
        let result = match answer {
            Ok(answer) => finished(&answer, call.form, &mut meter, &client),
            Err(error) => {
                self.measures.upstream_failed(&call.name, error.kind);
                meter.refused(&error);
                Err(Failure::Backend(error))
            }
        };
        drop(meter);
        tell(client, result);
    }

    async fn stream(self: Arc<Self>, call: Call, mut meter: Meter, client: Client) {
        meter.start();
        let begun = tokio::select! {
            biased;
            begun = self.backend.invoke_stream(call.model) => begun,
            failure = self.interrupted(&call.run) => {
                meter.abandoned(Ending::Shutdown);
                return tell(client, Err(failure));
            }
        };
        match begun {
            Ok(stream) => {
                meter.answered(stream.upstream_request_id);
                let (pump, pieces) = Pump::new(&self, call.form, call.id, call.run, meter);
                let _place = call._place;
                tell(client, Ok(reply::events(pieces)));
                pump.run(stream.events).await;
            }
            Err(error) => {
                self.measures.upstream_failed(&call.name, error.kind);
                meter.refused(&error);
                drop(meter);
                tell(client, Err(Failure::Backend(error)));
            }
        }
    }

    /// Why an answer is not waited for any longer.
    async fn interrupted(&self, run: &Run) -> Failure {
        tokio::select! {
            () = self.stop.stopped() => Failure::Stopped,
            () = run.cut() => Failure::Cut,
        }
    }

    /// What bounds the tokens of a request, and with them its cost.
    fn facts(&self, encoded: &Encoded, model: &ServedModel) -> estimate::Facts {
        estimate::Facts {
            body_bytes: encoded.body.len().saturating_sub(encoded.facts.image_bytes) as u64,
            bytes_per_token: self.bytes_per_token,
            images: encoded.facts.images,
            pdfs: encoded.facts.pdfs,
            tools: encoded.facts.tools,
            max_tokens: encoded.facts.max_tokens,
            thinks: encoded.facts.thinks,
            context_tokens: model.context_tokens,
            cache: encoded.facts.cache.map(|life| match life {
                CacheLife::FiveMinutes => estimate::CacheLife::FiveMinutes,
                CacheLife::OneHour => estimate::CacheLife::OneHour,
            }),
        }
    }

    fn stamp(&self, dialect: Dialect, id: &RequestId, model: String) -> Stamp {
        let since = self.clock.now().duration_since(UNIX_EPOCH);
        let seconds = since.unwrap_or_default().as_secs();
        let (prefix, id) = (dialect.id_prefix(), id.as_str().trim_start_matches("req_"));
        Stamp {
            id: format!("{prefix}-{id}").into(),
            created: i64::try_from(seconds).unwrap_or_default(),
            model: model.into(),
        }
    }
}

/// Where the answer goes. Nobody may be there any more.
type Client = oneshot::Sender<Result<Response<Body>, Failure>>;

/// What a client asks for, translated.
struct Order {
    /// The model's name as the client has it.
    name: String,
    model: Arc<ServedModel>,
    streamed: bool,
    encoded: Encoded,
}

/// How an answer is to be turned into the client's.
pub(crate) struct Form {
    pub(crate) dialect: Dialect,
    pub(crate) reply: Reply,
    pub(crate) stamp: Stamp,
}

/// An admitted request, ready to be sent.
struct Call {
    /// The friendly name of the model.
    name: Arc<str>,
    model: ModelCall,
    form: Form,
    id: RequestId,
    run: Run,
    /// Given back when the request has ended, not when its client has left.
    _place: OwnedSemaphorePermit,
}

/// Hands over the answer. A client that has left needs none.
fn tell(client: Client, answer: Result<Response<Body>, Failure>) {
    drop(client.send(answer));
}

/// Bills a whole answer, and only then turns it into the client's.
fn finished(
    answer: &ModelAnswer,
    form: Form,
    meter: &mut Meter,
    client: &Client,
) -> Result<Response<Body>, Failure> {
    meter.answered(answer.upstream_request_id.clone());
    let (completion, usage) = match decode(&answer.body, &form.reply, form.stamp) {
        Ok(decoded) => decoded,
        Err(error) => {
            if let DecodeError::ModelFault { usage, .. } = &error {
                meter.complete(*usage, Ending::UpstreamFailed);
            } else {
                // What it says of itself cannot be read, and it may lack a part.
                meter.abandoned(Ending::UpstreamFailed);
            }
            return Err(Failure::Decode(error));
        }
    };
    let ending = if client.is_closed() {
        Ending::ClientGone
    } else {
        Ending::Complete
    };
    meter.complete(usage, ending);
    let body = form.dialect.whole(completion).unwrap_or_default();
    Ok(reply::json(StatusCode::OK, body))
}

/// Clients that send no type at all are believed to send JSON.
fn must_be_json(headers: &HeaderMap) -> Result<(), Failure> {
    if headers.contains_key(CONTENT_ENCODING) {
        return Err(Failure::ContentEncoding);
    }
    let Some(declared) = headers.get(CONTENT_TYPE) else {
        return Ok(());
    };
    let essence = declared.to_str().unwrap_or_default();
    let essence = essence.split(';').next().unwrap_or_default().trim();
    let is_json = essence.eq_ignore_ascii_case("application/json")
        || essence.to_ascii_lowercase().ends_with("+json");
    if is_json {
        Ok(())
    } else {
        Err(Failure::MediaType)
    }
}
