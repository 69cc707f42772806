//! The setters of the builders, and what their `Debug` shows.

/// Generates documented setters. `name: Type` takes anything that converts into the type; `name = Type` takes only the
/// type, so a number can be written as a literal. `=> place` is the builder's field, set as it is or as `Some`.
macro_rules! setters {
    () => {};
    ($(#[$doc:meta])* $name:ident: $type:ty => $($place:ident).+; $($rest:tt)*) => {
        $(#[$doc])*
        pub fn $name(mut self, $name: impl Into<$type>) -> Self {
            let value: $type = $name.into();
            self.$($place).+ = value.into();
            self
        }
        $crate::setters::setters! { $($rest)* }
    };
    ($(#[$doc:meta])* $name:ident = $type:ty => $($place:ident).+; $($rest:tt)*) => {
        $(#[$doc])*
        pub fn $name(mut self, $name: $type) -> Self {
            self.$($place).+ = $name.into();
            self
        }
        $crate::setters::setters! { $($rest)* }
    };
}

/// Generates a `Debug` that shows only these parts: the rest are handles, or may hold secrets.
macro_rules! debug_shows {
    ($name:ident $(<$parameter:ident $(: $bound:path)?>)? { $($label:ident: $($place:ident).+),* }) => {
        impl $(<$parameter $(: $bound)?>)? std::fmt::Debug for $name $(<$parameter>)? {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_struct(stringify!($name))
                    $(.field(stringify!($label), &self.$($place).+))*
                    .finish_non_exhaustive()
            }
        }
    };
}

pub(crate) use {debug_shows, setters};
