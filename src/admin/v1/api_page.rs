//! `/openapi.json`, and `/docs`: a page to try what it describes, all of it from the program itself.

use axum::http::{HeaderValue, header};
use axum::response::Response;
use axum::{Router, middleware};
use utoipa::openapi::OpenApi;
use utoipa_swagger_ui::SwaggerUi;

/// The page runs its own scripts and styles, and asks this server alone.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
     connect-src 'self'; frame-ancestors 'none'",
);

/// The description and the page, open to everybody.
pub(crate) fn described(api: OpenApi) -> Router {
    let page = Router::from(SwaggerUi::new("/docs").url("/openapi.json", api));
    page.layer(middleware::map_response(allow_itself))
}

async fn allow_itself(mut response: Response) -> Response {
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, POLICY);
    response
}
