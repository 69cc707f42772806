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
    /// The runtime keeps the key in its home. It isn't validated: a wrong one shows at the next turn.
    ///
    /// # Errors
    /// [`Error::Rpc`](crate::Error::Rpc), [`Error::Timeout`](crate::Error::Timeout),
    /// [`Error::Closed`](crate::Error::Closed).
    ///
    /// # Cancel safety
    /// Once it is sent, the login takes effect.
    pub fn login_api_key(&self, api_key: impl Into<SecretString>) -> Call<()> {
        let codex = Arc::clone(self.inner());
        let api_key = api_key.into();
        Call::new(async move {
            let api_key = api_key.expose_secret().to_owned();
            let params = LoginAccountParams::ApiKey(LoginAccountParamsApiKey { api_key });
            codex.request(&params, None).await.map(drop)
        })
    }

    /// Begins a login with ChatGPT in a browser (`account/login/start`).
    ///
    /// The runtime listens on this machine for the browser to come back. This crate opens no browser.
    /// A login that was begun before and isn't done ends without success.
    ///
    /// # Errors
    /// As for [`Self::login_api_key`].
    ///
    /// # Cancel safety
    /// Once it is sent, a login may be left that was begun, until another one replaces it.
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

    /// Begins a login with ChatGPT by a code that the user enters on another device
    /// (`account/login/start`): the way for machines without a browser.
    ///
    /// # Errors
    /// As for [`Self::login_api_key`].
    ///
    /// # Cancel safety
    /// As for [`Self::login_chatgpt`]: a login may be left that was begun.
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

    /// Logs out (`account/logout`). Without a login it does nothing.
    ///
    /// # Errors
    /// As for [`Self::login_api_key`].
    ///
    /// # Cancel safety
    /// Once it is sent, the login is gone.
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

/// Writes the parts that all handles on a login have in common.
macro_rules! login_handle {
    ($name:ident) => {
        impl $name {
            /// The id of this login.
            pub fn login_id(&self) -> &str {
                &self.login_id
            }

            /// Waits until this login is done (`account/login/completed`), with or without success:
            /// `success` and `error` tell. It may be waited for again, and from several tasks.
            ///
            /// # Errors
            /// [`Error::Closed`].
            ///
            /// # Cancel safety
            /// Dropping the call loses nothing: the end comes to whoever waits next.
            pub fn wait(&self) -> Call<AccountLoginCompletedNotification> {
                let login_id = self.login_id.clone();
                self.end.wait(move |event| match event {
                    Notification::AccountLoginCompleted(end) => {
                        (end.login_id.as_ref() == Some(&login_id)).then_some(end)
                    }
                    _ => None,
                })
            }

            /// Gives this login up (`account/login/cancel`). One that is done or was replaced is not
            /// found, which is no error: the status tells.
            ///
            /// # Errors
            /// [`Error::Rpc`], [`Error::Timeout`], [`Error::Closed`].
            ///
            /// # Cancel safety
            /// Once it is sent, it takes effect.
            pub fn cancel(&self) -> Call<CancelLoginAccountResponse> {
                let codex = Arc::clone(self.end.codex());
                let params = CancelLoginAccountParams {
                    login_id: self.login_id.clone(),
                };
                Call::new(async move { codex.request(&params, None).await })
            }
        }

        // The other fields would let whoever reads them take part in the login.
        debug_shows!($name { login_id: login_id });
    };
}

/// A login in a browser that was begun, from [`Codex::login_chatgpt`].
///
/// Clones are the same login. They keep the runtime alive, without which it can't be done. Dropping them
/// doesn't give it up. `Debug` shows no address.
#[derive(Clone)]
pub struct ChatgptLogin {
    end: LoginEnd<AccountLoginCompletedNotification>,
    login_id: String,
    auth_url: String,
}

impl ChatgptLogin {
    /// The page to be opened in the user's browser.
    pub fn auth_url(&self) -> &str {
        &self.auth_url
    }
}

login_handle!(ChatgptLogin);

/// A login by code that was begun, from [`Codex::login_chatgpt_device_code`].
///
/// Clones are the same login, as of a [`ChatgptLogin`]. `Debug` shows neither address nor code.
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
