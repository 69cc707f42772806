//! Sums of tokens.

use std::iter::Sum;
use std::ops::{Add, AddAssign};

use crate::TokenUsageBreakdown;

/// Nothing.
impl Default for TokenUsageBreakdown {
    fn default() -> Self {
        Self {
            cache_write_input_tokens: 0,
            cached_input_tokens: 0,
            input_tokens: 0,
            output_tokens: 0,
            reasoning_output_tokens: 0,
            total_tokens: 0,
        }
    }
}

impl AddAssign<&Self> for TokenUsageBreakdown {
    fn add_assign(&mut self, other: &Self) {
        let Self {
            cache_write_input_tokens,
            cached_input_tokens,
            input_tokens,
            output_tokens,
            reasoning_output_tokens,
            total_tokens,
        } = other;
        for (sum, more) in [
            (&mut self.cache_write_input_tokens, cache_write_input_tokens),
            (&mut self.cached_input_tokens, cached_input_tokens),
            (&mut self.input_tokens, input_tokens),
            (&mut self.output_tokens, output_tokens),
            (&mut self.reasoning_output_tokens, reasoning_output_tokens),
            (&mut self.total_tokens, total_tokens),
        ] {
            *sum = sum.saturating_add(*more);
        }
    }
}

impl AddAssign for TokenUsageBreakdown {
    fn add_assign(&mut self, other: Self) {
        *self += &other;
    }
}

impl Add for TokenUsageBreakdown {
    type Output = Self;

    fn add(mut self, other: Self) -> Self {
        self += &other;
        self
    }
}

impl<'a> Sum<&'a Self> for TokenUsageBreakdown {
    fn sum<I: Iterator<Item = &'a Self>>(all: I) -> Self {
        all.fold(Self::default(), |mut sum, one| {
            sum += one;
            sum
        })
    }
}

impl Sum for TokenUsageBreakdown {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::default(), Add::add)
    }
}
