//! The one future that every operation turns into.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::error::Result;
use crate::setters::debug_shows;

/// An operation that is ready to run: a future which owns all that it needs.
///
/// Nothing is sent before it is awaited.
///
/// # Cancel safety
/// It may be dropped at any time. Dropped before its request is queued, it sends nothing. What dropping it later
/// leaves behind is said by the method that returns it, or by the builder that it comes from.
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
