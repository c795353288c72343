//! Every endpoint.

use super::api::Api;
use super::{
    accounts, audit, backtests, blacklist, campaigns, explain, fence_health, imports,
    location_uses, report_files, reports, resource, segments, streams, tokens,
};

/// Those for the tokens of accounts.
#[must_use]
pub fn campaign_api() -> Api {
    let api = accounts::own(Api::default());
    let api = resource::all(api);
    let api = report_files::endpoints(reports::endpoints(campaigns::endpoints(api)));
    let api = fence_health::endpoints(explain::endpoints(segments::endpoints(api)));
    let api = blacklist::endpoints(backtests::endpoints(api));
    let api = imports::templates(imports::endpoints(api));
    let api = tokens::own(api);
    streams::endpoints(location_uses::endpoints(audit::endpoints(api)))
}

/// Those that take whole files.
#[must_use]
pub fn upload_api() -> Api {
    imports::sending(Api::default())
}

/// Those for operators.
#[must_use]
pub fn operator_api() -> Api {
    tokens::all(accounts::all(Api::default()))
}
