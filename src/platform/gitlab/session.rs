//! The client that the `gitlab` crate's endpoints run on: one purpose, one way to its errors, our layer underneath.
//!
//! Who calls: every other file of this folder, once per thing it wants to know or do. What must stay true: the crate
//! sees successful answers only; what is not one has become a [`platform::Error`](Error) with its cure before.

use std::future::Future;

use async_trait::async_trait;
use bytes::Bytes;
use gitlab::api::{ApiError, AsyncClient, AsyncQuery, Endpoint, RestClient};
use http::header::CONTENT_TYPE;
use http::{Response, StatusCode};
use serde::de::DeserializeOwned;
use url::Url;

use super::client::{GitLab, Request};
use super::models::unreadable;
use super::refusal::About;
use crate::job::WriteRight;
use crate::platform::http::{Answer, Call, Repeat};
use crate::platform::{Error, Result};

/// Requests with one purpose.
pub(super) struct Session<'a> {
    pub(super) gitlab: &'a GitLab,
    /// In words, for errors and the log.
    pub(super) what: &'a str,
    pub(super) about: About<'a>,
    pub(super) repeat: Repeat,
    /// The right that a write needs.
    pub(super) right: Option<&'a dyn WriteRight>,
}

impl<'a> Session<'a> {
    /// To read.
    pub(super) fn reading(gitlab: &'a GitLab, what: &'a str, about: About<'a>) -> Self {
        Self { gitlab, what, about, repeat: Repeat::Safe, right: None }
    }

    /// To write something that is as good twice as once.
    pub(super) fn writing(gitlab: &'a GitLab, what: &'a str, about: About<'a>, right: &'a dyn WriteRight) -> Self {
        Self { right: Some(right), ..Self::reading(gitlab, what, about) }
    }

    /// Asks one endpoint of the crate; `endpoint` is what its builder returned.
    pub(super) async fn ask<T, E, B>(&self, endpoint: std::result::Result<E, B>) -> Result<T>
    where
        T: DeserializeOwned + 'static,
        E: Endpoint + Sync,
        B: std::fmt::Display,
    {
        let endpoint = self.built(endpoint)?;
        endpoint.query_async(self).await.map_err(|error| self.explained(error))
    }

    /// An endpoint whose builder had everything it needs; anything else is a mistake of ours, named instead of hidden.
    pub(super) fn built<E, B: std::fmt::Display>(&self, endpoint: std::result::Result<E, B>) -> Result<E> {
        endpoint.map_err(|error| Error::Unsupported(format!("{}: {error}", self.what)))
    }

    /// Sends a request. Any status below 500 is an answer.
    pub(super) fn send(&self, request: &Request) -> impl Future<Output = Result<Answer>> + Send {
        self.gitlab.send(Call { what: self.what, repeat: self.repeat, right: self.right }, request)
    }

    /// The answer if it is a success, else what it means.
    pub(super) async fn successful(&self, answer: Answer) -> Result<Answer> {
        match answer.status {
            StatusCode::OK | StatusCode::CREATED => Ok(answer),
            _ => Err(self.gitlab.refusal(self.what, self.about, &answer).await),
        }
    }

    /// The crate's error in our words.
    pub(super) fn explained(&self, error: ApiError<Error>) -> Error {
        let detail = match error {
            ApiError::Client { source } => return source,
            ApiError::GitlabService { data, .. } => return unreadable(self.what, &data, "not JSON"),
            ApiError::DataType { source, .. } => source.to_string(),
            other => other.to_string(),
        };
        let detail = self.gitlab.redacted(&detail).chars().take(200).collect();
        Error::Malformed { what: self.what.to_owned(), detail }
    }
}

impl RestClient for Session<'_> {
    type Error = Error;

    /// Below the API base, whatever path that has. `endpoint` is percent-encoded.
    fn rest_endpoint(&self, endpoint: &str) -> std::result::Result<Url, ApiError<Error>> {
        Ok(self.gitlab.base.join(endpoint)?)
    }
}

#[async_trait]
impl AsyncClient for Session<'_> {
    async fn rest_async(
        &self,
        request: http::request::Builder,
        body: Vec<u8>,
    ) -> std::result::Result<Response<Bytes>, ApiError<Error>> {
        let unusable = |error: &dyn std::fmt::Display| {
            ApiError::client(Error::Unsupported(format!("{}: no request can be made of it: {error}", self.what)))
        };
        let (head, body) = request.body(Bytes::from(body)).map_err(|error| unusable(&error))?.into_parts();
        let url = Url::parse(&head.uri.to_string()).map_err(|error| unusable(&error))?;
        let body = head.headers.get(CONTENT_TYPE).map(|content_type| (content_type.clone(), body));
        let request = Request { method: head.method, url, body };
        let answer = self.send(&request).await.map_err(ApiError::client)?;
        let answer = self.successful(answer).await.map_err(ApiError::client)?;
        let mut response = Response::new(answer.body);
        *response.status_mut() = answer.status;
        *response.headers_mut() = answer.headers;
        Ok(response)
    }
}
