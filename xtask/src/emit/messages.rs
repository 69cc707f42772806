//! The four message enums, one module each.

use anyhow::Result;
use heck::ToUpperCamelCase;
use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote};

use super::{Context, methods, responses, routing};
use crate::docs;
use crate::model::{Method, Notification, Params};

/// A variant of a message enum.
#[expect(clippy::struct_excessive_bools, reason = "each is a mark of its own")]
pub(super) struct Entry {
    ident: Ident,
    method: String,
    doc: Option<String>,
    experimental: bool,
    payload: Option<String>,
    nullable: bool,
    boxed: bool,
    /// A remark in addition to upstream's description.
    remark: Option<String>,
    retired: bool,
}

/// A message enum.
pub(super) struct Message {
    pub(super) name: Ident,
    doc: &'static str,
    pub(super) entries: Vec<Entry>,
    /// Requests are encoded with an id.
    pub(super) request: bool,
    /// Messages from the server name their thread, turn or item.
    routed: bool,
}

/// All message modules by name.
pub fn modules(context: &Context) -> Result<Vec<(&'static str, Vec<TokenStream>)>> {
    let model = context.model;
    let requests = |methods: &[Method]| -> Vec<Entry> {
        methods.iter().map(|it| request(context, it)).collect()
    };
    let client_requests = Message {
        name: format_ident!("ClientRequest"),
        doc: " A request of the client, by its method.",
        entries: requests(&model.client_requests),
        request: true,
        routed: false,
    };
    let server_requests = Message {
        name: format_ident!("ServerRequest"),
        doc: " A request of the server, by its method.",
        entries: requests(&model.server_requests),
        request: true,
        routed: true,
    };
    let server_notifications = Message {
        name: format_ident!("ServerNotification"),
        doc: " A notification of the server, by its method.",
        entries: model
            .server_notifications
            .iter()
            .map(|it| notification(context, it))
            .collect(),
        request: false,
        routed: true,
    };
    let client_notifications = Message {
        name: format_ident!("ClientNotification"),
        doc: " A notification of the client, by its method.",
        entries: model
            .client_notifications
            .iter()
            .map(|it| bare(it))
            .collect(),
        request: false,
        routed: false,
    };
    let mut client = items(context, &client_requests)?;
    client.extend(methods::client(context));
    let mut server = items(context, &server_requests)?;
    server.extend(methods::server(context));
    Ok(vec![
        ("client_requests", client),
        ("client_responses", vec![responses::client(context)]),
        ("server_requests", server),
        (
            "server_notifications",
            items(context, &server_notifications)?,
        ),
        (
            "client_notifications",
            items(context, &client_notifications)?,
        ),
    ])
}

fn request(context: &Context, method: &Method) -> Entry {
    Entry {
        ident: format_ident!("{}", method.ident()),
        method: method.name.clone(),
        doc: method.doc.clone(),
        experimental: method.experimental,
        payload: method.params_type().map(str::to_owned),
        nullable: matches!(method.params, Params::Nullable(_)),
        boxed: method
            .params_type()
            .is_some_and(|it| context.layout.is_large(it)),
        remark: method
            .retired
            .as_ref()
            .map(|since| format!("Runtimes from {since} on don't send it.")),
        retired: method.retired.is_some(),
    }
}

fn notification(context: &Context, notification: &Notification) -> Entry {
    Entry {
        ident: format_ident!("{}", notification.ident()),
        method: notification.name.clone(),
        doc: notification.doc.clone(),
        experimental: notification.experimental,
        payload: Some(notification.payload.clone()),
        nullable: false,
        boxed: context.layout.is_large(&notification.payload),
        remark: None,
        retired: false,
    }
}

fn bare(method: &str) -> Entry {
    Entry {
        ident: format_ident!("{}", method.to_upper_camel_case()),
        method: method.to_owned(),
        doc: None,
        experimental: false,
        payload: None,
        nullable: false,
        boxed: false,
        remark: None,
        retired: false,
    }
}

fn items(context: &Context, message: &Message) -> Result<Vec<TokenStream>> {
    let mut items = vec![declaration(message), functions(message), payload(message)];
    items.extend(conversions(message));
    if message.routed {
        items.push(routing::functions(context, message)?);
    }
    Ok(items)
}

fn declaration(message: &Message) -> TokenStream {
    let Message {
        name, doc, entries, ..
    } = message;
    let variants = entries.iter().map(|entry| {
        let Entry {
            ident,
            method,
            doc,
            experimental,
            boxed,
            remark,
            ..
        } = entry;
        let mut remarks: Vec<_> = remark.iter().cloned().collect();
        let doc = if doc.is_some() {
            remarks.insert(0, format!("Method `{method}`."));
            docs::item(doc.as_deref(), "", *experimental, &remarks)
        } else {
            docs::item(None, &format!("`{method}`."), *experimental, &remarks)
        };
        let payload = entry.payload.as_ref().map(|it| {
            let ty = format_ident!("{it}");
            if *boxed {
                quote!((Box<#ty>))
            } else {
                quote!((#ty))
            }
        });
        quote!(#doc #ident #payload,)
    });
    quote! {
        #[doc = #doc]
        #[derive(Debug, Clone, PartialEq)]
        #[non_exhaustive]
        pub enum #name {
            #(#variants)*
            /// A method that this version of the crate does not know.
            Unrecognized {
                /// The method.
                method: String,
                /// Its params, as they came.
                params: Value,
            },
        }
    }
}

fn functions(message: &Message) -> TokenStream {
    let Message {
        name,
        entries,
        request,
        routed,
        ..
    } = message;
    let methods = entries.iter().map(|it| &it.method);
    let names = entries.iter().map(|it| {
        let (pattern, method) = (pattern(it), &it.method);
        quote!(#pattern => #method,)
    });
    let decoders = entries.iter().map(|it| {
        let Entry { ident, method, .. } = it;
        match (&it.payload, it.nullable) {
            (None, _) => quote!(#method => Self::#ident,),
            (Some(_), false) => quote!(#method => Self::#ident(params.decode()?),),
            (Some(_), true) => quote!(#method => Self::#ident(params.decode_nullable()?),),
        }
    });
    let encode = encoder(*request);
    let retired = (*request && *routed).then(|| {
        let retired = entries.iter().filter(|it| it.retired).map(|it| &it.method);
        quote! {
            /// Those of them that older runtimes send, and the pinned one doesn't.
            pub const RETIRED: &'static [&'static str] = &[#(#retired),*];
        }
    });
    quote! {
        impl #name {
            /// The methods that this version of the crate knows.
            pub const METHODS: &'static [&'static str] = &[#(#methods),*];

            #retired

            /// Decodes the params of a message by its method.
            ///
            /// # Errors
            ///
            /// If the method is known, and its params are not of its type.
            pub fn decode(method: &str, params: Option<&RawValue>) -> Result<Self, DecodeError> {
                Self::decode_params(method, &RawParams::new(method, params))
            }

            pub(crate) fn decode_params(method: &str, params: &RawParams<'_>) -> Result<Self, DecodeError> {
                Ok(match method {
                    #(#decoders)*
                    _ => Self::Unrecognized { method: method.to_owned(), params: params.decode()? },
                })
            }

            #encode

            /// The method.
            pub fn method(&self) -> &str {
                match self { #(#names)* Self::Unrecognized { method, .. } => method }
            }
        }
    }
}

/// `From` for params that only one method has. Large ones are boxed, which callers need not know.
fn conversions(message: &Message) -> Vec<TokenStream> {
    let Message { name, entries, .. } = message;
    let mut items = Vec::new();
    for (payload, idents) in by_payload(entries) {
        let [ident] = idents[..] else { continue };
        let ty = format_ident!("{payload}");
        let is_boxed = entries.iter().any(|it| it.ident == *ident && it.boxed);
        let params = if is_boxed {
            quote!(Box::new(params))
        } else {
            quote!(params)
        };
        items.push(quote! {
            impl From<#ty> for #name {
                fn from(params: #ty) -> Self {
                    Self::#ident(#params)
                }
            }
        });
    }
    items
}

/// The method that encodes a whole line.
fn encoder(request: bool) -> TokenStream {
    let (parameters, body) = if request {
        (
            quote!(&self, id: &RequestId),
            quote!(encode::request(self, id)),
        )
    } else {
        (quote!(&self), quote!(encode::notification(self, None)))
    };
    quote! {
        /// Encodes the whole line, without its end.
        ///
        /// # Errors
        ///
        /// If the params cannot be written as JSON.
        pub fn encode(#parameters) -> Result<String, serde_json::Error> {
            #body
        }
    }
}

fn payload(message: &Message) -> TokenStream {
    let Message { name, entries, .. } = message;
    let without: Vec<_> = entries
        .iter()
        .filter(|it| it.payload.is_none())
        .map(pattern)
        .collect();
    let without =
        (!without.is_empty()).then(|| quote!(#(#without)|* => serializer.serialize_unit(),));
    let with = by_payload(entries).into_iter().map(
        |(_, idents)| quote!(#(Self::#idents(body))|* => Serialize::serialize(body, serializer),),
    );
    let has_params = without.as_ref().map_or(quote!(true), |_| {
        let units = entries
            .iter()
            .filter(|it| it.payload.is_none())
            .map(pattern);
        quote!(!matches!(self, #(#units)|*))
    });
    quote! {
        impl Payload for #name {
            fn method(&self) -> &str {
                self.method()
            }

            fn has_params(&self) -> bool {
                #has_params
            }

            fn serialize_params<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                match self {
                    #without
                    #(#with)*
                    Self::Unrecognized { params, .. } => Serialize::serialize(params, serializer),
                }
            }
        }
    }
}

/// The variants for each payload type: some methods share one.
pub(super) fn by_payload(entries: &[Entry]) -> Vec<(&str, Vec<&Ident>)> {
    let mut groups: Vec<(&str, Vec<&Ident>)> = Vec::new();
    for entry in entries {
        let Some(payload) = entry.payload.as_deref() else {
            continue;
        };
        match groups.iter_mut().find(|(known, _)| *known == payload) {
            Some((_, idents)) => idents.push(&entry.ident),
            None => groups.push((payload, vec![&entry.ident])),
        }
    }
    groups
}

fn pattern(entry: &Entry) -> TokenStream {
    let ident = &entry.ident;
    if entry.payload.is_some() {
        quote!(Self::#ident(_))
    } else {
        quote!(Self::#ident)
    }
}
