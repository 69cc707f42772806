//! The one future that every operation becomes.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::error::Result;
use crate::setters::debug_shows;

/// An operation that is ready to run: a future that owns everything it needs.
///
/// Nothing is sent until it is awaited.
///
/// # Cancel safety
/// You can drop it at any time. Dropped before its request is queued, it sends nothing. The method that returns
/// it, or the builder that it comes from, says what dropping it later leaves behind.
#[must_use = "a call does nothing until it is awaited"]
pub struct Call<T>(Pin<Box<dyn Future<Output = Result<T>> + Send + 'static>>);

impl<T> Call<T> {
    pub(crate) fn new(future: impl Future<Output = Result<T>> + Send + 'static) -> Self {
        Self(Box::pin(future))
    }
}

impl<T> Future for Call<T> {
    type Output = Result<T>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(context)
    }
}

debug_shows!(Call<T> {});
