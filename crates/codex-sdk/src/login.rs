//! Logging in and out.

use std::sync::Arc;

use secrecy::{ExposeSecret, SecretString};

use crate::{
    Call, Codex,
    types::{AccountLogout, LoginAccountParams, LoginAccountParamsApiKey},
};

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
    /// Dropping the call before it was queued sends nothing; afterwards the login takes effect.
    pub fn login_api_key(&self, api_key: impl Into<SecretString>) -> Call<()> {
        let client = Arc::clone(self.client());
        let api_key = api_key.into();
        Call::new(async move {
            let api_key = api_key.expose_secret().to_owned();
            let params = LoginAccountParams::ApiKey(LoginAccountParamsApiKey { api_key });
            client.request(&params, None).await.map(drop)
        })
    }

    /// Logs out (`account/logout`). Without a login it does nothing.
    ///
    /// # Errors and cancel safety
    /// As for [`Self::login_api_key`].
    pub fn logout(&self) -> Call<()> {
        let client = Arc::clone(self.client());
        Call::new(async move { client.request(&AccountLogout, None).await.map(drop) })
    }
}
