//! Logging in and out.

use std::sync::Arc;

use codex_types::{
    AccountLoginCompletedNotification, AccountLogout, CancelLoginAccountParams,
    CancelLoginAccountResponse, DecodeError, LoginAccountParams, LoginAccountParamsApiKey,
    LoginAccountParamsChatgpt, LoginAccountResponse,
};
use secrecy::{ExposeSecret, SecretString};

use crate::call::Call;
use crate::codex::Codex;
use crate::connection::event_queue::Notification;
use crate::error::Error;
use crate::login::end::LoginEnd;
use crate::setters::debug_shows;

mod end;
pub(crate) mod mcp;

impl Codex {
    /// Logs in with an API key (`account/login/start`).
    ///
    /// The runtime keeps the key in its home. It isn't validated: a wrong key shows up at the next turn.
    ///
    /// # Errors
    /// [`Error::Rpc`](crate::Error::Rpc), [`Error::Timeout`](crate::Error::Timeout),
    /// [`Error::Closed`](crate::Error::Closed).
    ///
    /// # Cancel safety
    /// Once sent, the login takes effect.
    pub fn login_api_key(&self, api_key: impl Into<SecretString>) -> Call<()> {
        let codex = Arc::clone(self.inner());
        let api_key = api_key.into();
        Call::new(async move {
            let api_key = api_key.expose_secret().to_owned();
            let params = LoginAccountParams::ApiKey(LoginAccountParamsApiKey { api_key });
            codex.request(&params, None).await.map(drop)
        })
    }

    /// Begins a ChatGPT login in a browser (`account/login/start`).
    ///
    /// The runtime listens on this machine for the browser to come back. This crate opens no browser. An
    /// earlier login that isn't done ends without success.
    ///
    /// # Errors
    /// As for [`Self::login_api_key`].
    ///
    /// # Cancel safety
    /// Once sent, a login may stay open until another replaces it.
    pub fn login_chatgpt(&self) -> Call<ChatgptLogin> {
        let codex = Arc::clone(self.inner());
        Call::new(async move {
            let params = LoginAccountParams::Chatgpt(LoginAccountParamsChatgpt::default());
            let end = LoginEnd::subscribe(&codex);
            match codex.request(&params, None).await? {
                LoginAccountResponse::Chatgpt(begun) => Ok(ChatgptLogin {
                    end,
                    login_id: begun.login_id,
                    auth_url: begun.auth_url,
                }),
                other => Err(unexpected(&other)),
            }
        })
    }

    /// Begins a ChatGPT login with a code that the user enters on another device (`account/login/start`), for
    /// machines without a browser.
    ///
    /// # Errors
    /// As for [`Self::login_api_key`].
    ///
    /// # Cancel safety
    /// As for [`Self::login_chatgpt`]: a login may stay open.
    pub fn login_chatgpt_device_code(&self) -> Call<DeviceCodeLogin> {
        let codex = Arc::clone(self.inner());
        Call::new(async move {
            let params = LoginAccountParams::ChatgptDeviceCode;
            let end = LoginEnd::subscribe(&codex);
            match codex.request(&params, None).await? {
                LoginAccountResponse::ChatgptDeviceCode(begun) => Ok(DeviceCodeLogin {
                    end,
                    login_id: begun.login_id,
                    verification_url: begun.verification_url,
                    user_code: begun.user_code,
                }),
                other => Err(unexpected(&other)),
            }
        })
    }

    /// Logs out (`account/logout`). Does nothing if nobody is logged in.
    ///
    /// # Errors
    /// As for [`Self::login_api_key`].
    ///
    /// # Cancel safety
    /// Once sent, the login is gone.
    pub fn logout(&self) -> Call<()> {
        let codex = Arc::clone(self.inner());
        Call::new(async move { codex.request(&AccountLogout, None).await.map(drop) })
    }
}

fn unexpected(response: &LoginAccountResponse) -> Error {
    let kind = response.tag();
    tracing::warn!(kind, "an answer to a login of an unexpected kind");
    let error = serde::de::Error::custom("an answer of an unexpected kind");
    DecodeError::new("account/login/start", &error).into()
}

/// Writes what all login handles have in common.
macro_rules! login_handle {
    ($name:ident) => {
        impl $name {
            /// The id of this login.
            pub fn login_id(&self) -> &str {
                &self.login_id
            }

            /// Waits until this login is done (`account/login/completed`), successfully or not: check `success`
            /// and `error`. You can wait repeatedly, and from several tasks.
            ///
            /// # Errors
            /// [`Error::Closed`].
            ///
            /// # Cancel safety
            /// Dropping the call loses nothing: whoever waits next gets the end.
            pub fn wait(&self) -> Call<AccountLoginCompletedNotification> {
                let login_id = self.login_id.clone();
                self.end.wait(move |event| match event {
                    Notification::AccountLoginCompleted(end) => {
                        (end.login_id.as_ref() == Some(&login_id)).then_some(end)
                    }
                    _ => None,
                })
            }

            /// Cancels this login (`account/login/cancel`). One that is done or was replaced isn't found, which
            /// is not an error: check the status.
            ///
            /// # Errors
            /// [`Error::Rpc`], [`Error::Timeout`], [`Error::Closed`].
            ///
            /// # Cancel safety
            /// Once sent, it takes effect.
            pub fn cancel(&self) -> Call<CancelLoginAccountResponse> {
                let codex = Arc::clone(self.end.codex());
                let params = CancelLoginAccountParams {
                    login_id: self.login_id.clone(),
                };
                Call::new(async move { codex.request(&params, None).await })
            }
        }

        // The other fields would let their reader take part in the login.
        debug_shows!($name { login_id: login_id });
    };
}

/// A ChatGPT login in a browser that has begun, from [`Codex::login_chatgpt`].
///
/// Clones are the same login. They keep the runtime alive, which the login needs. Dropping them doesn't cancel
/// it. `Debug` shows no address.
#[derive(Clone)]
pub struct ChatgptLogin {
    end: LoginEnd<AccountLoginCompletedNotification>,
    login_id: String,
    auth_url: String,
}

impl ChatgptLogin {
    /// The page to open in the user's browser.
    pub fn auth_url(&self) -> &str {
        &self.auth_url
    }
}

login_handle!(ChatgptLogin);

/// A ChatGPT login by code that has begun, from [`Codex::login_chatgpt_device_code`].
///
/// Clones are the same login, as with [`ChatgptLogin`]. `Debug` shows neither address nor code.
#[derive(Clone)]
pub struct DeviceCodeLogin {
    end: LoginEnd<AccountLoginCompletedNotification>,
    login_id: String,
    verification_url: String,
    user_code: String,
}

impl DeviceCodeLogin {
    /// The page where the user enters the code.
    pub fn verification_url(&self) -> &str {
        &self.verification_url
    }

    /// The code that the user enters there.
    pub fn user_code(&self) -> &str {
        &self.user_code
    }
}

login_handle!(DeviceCodeLogin);
