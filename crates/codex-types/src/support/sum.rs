//! Sums of counts.

/// `Default`, `Add`, `AddAssign` and `Sum` for a struct of counts.
macro_rules! sum {
    ($name:ident { $($field:ident),* $(,)? }) => {
        /// All zero.
        impl Default for $name {
            fn default() -> Self {
                Self { $($field: 0),* }
            }
        }

        impl std::ops::AddAssign<&Self> for $name {
            fn add_assign(&mut self, other: &Self) {
                $(self.$field = self.$field.saturating_add(other.$field);)*
            }
        }

        impl std::ops::AddAssign for $name {
            fn add_assign(&mut self, other: Self) {
                *self += &other;
            }
        }

        impl std::ops::Add for $name {
            type Output = Self;

            fn add(mut self, other: Self) -> Self {
                self += &other;
                self
            }
        }

        impl<'a> std::iter::Sum<&'a Self> for $name {
            fn sum<I: Iterator<Item = &'a Self>>(all: I) -> Self {
                all.fold(Self::default(), |mut sum, one| {
                    sum += one;
                    sum
                })
            }
        }

        impl std::iter::Sum for $name {
            fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
                all.fold(Self::default(), std::ops::Add::add)
            }
        }
    };
}
pub(crate) use sum;
