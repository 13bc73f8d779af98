//! What is asked for. Everything but health needs a key, also what does not exist.

use std::sync::Arc;

use hyper::{
    Method, Request, Response, StatusCode, body::Incoming, header::EXPECT, http::request::Parts,
};
use llmlite_http::{Body, Handler, RequestId, body};

use crate::{app::App, auth::Caller, dialect::Dialect, failure::Failure};

/// A thing that can be asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Route<'a> {
    Live,
    Ready,
    Completions(Dialect),
    Models,
    Model(&'a str),
    Usage,
}

/// The model that a request was for, by its friendly name: travels with the answer, for metrics.
#[derive(Debug, Clone)]
pub(crate) struct Called(pub(crate) Arc<str>);

impl<'a> Route<'a> {
    /// The route of a path, exactly as it is written; `/v1` may be left out, as in the API that
    /// many clients come from.
    fn of(path: &'a str) -> Option<Self> {
        match path {
            "/health/live" | "/health/liveliness" => return Some(Self::Live),
            "/health/ready" | "/health/readiness" => return Some(Self::Ready),
            _ => {}
        }
        match path.strip_prefix("/v1").unwrap_or(path) {
            "/chat/completions" => Some(Self::Completions(Dialect::Chat)),
            "/completions" => Some(Self::Completions(Dialect::Text)),
            "/models" => Some(Self::Models),
            "/usage/me" => Some(Self::Usage),
            other => match other.strip_prefix("/models/") {
                Some(id) if !id.is_empty() => Some(Self::Model(id)),
                _ => None,
            },
        }
    }

    fn is_public(&self) -> bool {
        matches!(self, Self::Live | Self::Ready)
    }

    /// What metrics call it. Health is asked for by machines, all the time, and not counted.
    fn name(&self) -> Option<&'static str> {
        match self {
            Self::Live | Self::Ready => None,
            Self::Completions(Dialect::Chat) => Some("chat"),
            Self::Completions(Dialect::Text) => Some("text"),
            Self::Models | Self::Model(_) => Some("models"),
            Self::Usage => Some("usage"),
        }
    }

    /// The dialect in which a failure is told.
    fn dialect(&self) -> Dialect {
        match self {
            Self::Completions(dialect) => *dialect,
            Self::Live | Self::Ready | Self::Models | Self::Model(_) | Self::Usage => Dialect::Chat,
        }
    }

    fn method(&self) -> Method {
        match self {
            Self::Completions(_) => Method::POST,
            Self::Live | Self::Ready | Self::Models | Self::Model(_) | Self::Usage => Method::GET,
        }
    }
}

impl Handler for App {
    async fn handle(self: Arc<Self>, request: Request<Incoming>, id: RequestId) -> Response<Body> {
        let (head, body) = request.into_parts();
        let mut body = Some(body);
        let at_most = self.body_bytes;
        let mut caller = None;
        let routed = Arc::clone(&self).route(&head, &mut body, &mut caller, &id);
        let response = match routed.await {
            Ok(response) => response,
            Err(failure) => {
                if let Some(body) = unread(&head, body) {
                    body::discard(body, at_most).await;
                }
                let route = Route::of(head.uri.path());
                let dialect = route.map_or(Dialect::Chat, |route| route.dialect());
                let mut response = failure.answer(dialect, &id);
                // A key that is good for nothing any more is told of no limits.
                let caller = caller.filter(|_| response.status() != StatusCode::UNAUTHORIZED);
                if let Some(Caller { grant, .. }) = caller {
                    let model = failure.limited_model();
                    self.tell_limits(response.headers_mut(), &grant, model.map(|name| &**name));
                    if let Some(model) = model {
                        response.extensions_mut().insert(Called(Arc::clone(model)));
                    }
                }
                response
            }
        };
        if let Some(name) = Route::of(head.uri.path()).map_or(Some("none"), |route| route.name()) {
            let model = response.extensions().get().map(|Called(model)| model);
            let status = response.status().as_u16();
            self.measures.answered(name, model, status);
        }
        response
    }
}

/// The body of a refused request that its client is sending already.
fn unread(head: &Parts, body: Option<Incoming>) -> Option<Incoming> {
    // One that waits to be asked for its body shall not be asked.
    body.filter(|_| !head.headers.contains_key(EXPECT))
}

impl App {
    async fn route(
        self: Arc<Self>,
        head: &Parts,
        body: &mut Option<Incoming>,
        caller: &mut Option<Caller>,
        id: &RequestId,
    ) -> Result<Response<Body>, Failure> {
        let route = Route::of(head.uri.path());
        if !route.as_ref().is_some_and(Route::is_public) {
            let caller = caller.insert(self.authenticate(&head.headers).await?);
            return self.private(route, head, body, caller, id).await;
        }
        Ok(match allowed(route, &head.method)? {
            Route::Ready => self.health.ready().await,
            _ => llmlite_http::reply::json(StatusCode::OK, r#"{"status":"alive"}"#),
        })
    }

    async fn private(
        self: Arc<Self>,
        route: Option<Route<'_>>,
        head: &Parts,
        body: &mut Option<Incoming>,
        caller: &mut Caller,
        id: &RequestId,
    ) -> Result<Response<Body>, Failure> {
        let grant = &caller.grant;
        match allowed(route, &head.method)? {
            Route::Completions(dialect) => {
                let checked = self.policy.check_limits(grant);
                checked.map_err(|denial| self.denied(denial, None))?;
                self.completion(dialect, &head.headers, body, caller, id)
                    .await
            }
            Route::Models => Ok(self.list_models(grant)),
            Route::Model(name) => self.show_model(grant, name),
            Route::Usage => Ok(self.show_usage(grant).await),
            // Public routes were answered before.
            Route::Live | Route::Ready => Err(Failure::NoSuchRoute),
        }
    }
}

fn allowed<'a>(route: Option<Route<'a>>, method: &Method) -> Result<Route<'a>, Failure> {
    let route = route.ok_or(Failure::NoSuchRoute)?;
    let wanted = route.method();
    if *method == wanted || (*method == Method::HEAD && wanted == Method::GET) {
        Ok(route)
    } else {
        Err(Failure::WrongMethod { allowed: wanted })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[rustfmt::skip]
    fn only_exact_paths_lead_anywhere() {
        let check = |path, want| assert_eq!(Route::of(path), want, "{path}");
        check("/v1/chat/completions",   Some(Route::Completions(Dialect::Chat)));
        check("/chat/completions",      Some(Route::Completions(Dialect::Chat)));
        check("/v1/completions",        Some(Route::Completions(Dialect::Text)));
        check("/completions",           Some(Route::Completions(Dialect::Text)));
        check("/v1/models",             Some(Route::Models));
        check("/v1/models/a%2Fb",       Some(Route::Model("a%2Fb")));
        check("/v1/usage/me",           Some(Route::Usage));
        check("/health/live",           Some(Route::Live));
        check("/health/liveliness",     Some(Route::Live));
        check("/health/ready",          Some(Route::Ready));
        check("/health/readiness",      Some(Route::Ready));
        for path in ["/", "", "/v1", "/v1/", "/v1/models/", "/v1/chat/completions/", "/v1/completions/", "/v1/chat", "/V1/models",
                     "//v1/models", "/v1/./models", "/v1/%6dodels", "/health", "/health/live/",
                     "/v1/health/live", "/v1/v1/models", "/v1/usage", "/v1/usage/me/", "/v1/chat/completions;x"] {
            check(path, None);
        }
    }
}
