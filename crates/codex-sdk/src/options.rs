//! The setters of the builders.

/// Writes documented setters for optional fields of a builder's `params`.
macro_rules! setters {
    ($($(#[$doc:meta])* $name:ident: $type:ty => $field:ident;)*) => {$(
        $(#[$doc])*
        pub fn $name(mut self, $name: impl Into<$type>) -> Self {
            self.params.$field = Some($name.into());
            self
        }
    )*};
}

pub(crate) use setters;
