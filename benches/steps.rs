//! The cost of each step of a request, without socket and handler: `PORTCULLIS_DEV_IN_RELEASE=1 cargo bench --bench steps`.
//!
//! `scripts/bench` measures the whole request.

#![expect(clippy::unwrap_used, reason = "a panic fails the measurement")]

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use futures_util::FutureExt;
use portcullis::dev::{Algorithm, Issuer, IssuerOptions};
use portcullis::{Config, Permission, Steps};
use serde_json::{Value, json};

const AUDIENCE: &str = "https://api.example.test";
const PROFILE_READ: Permission = Permission::new("profile:read", "Read your own profile.");

/// A running issuer, and the steps of a service that trusts it.
struct Scene {
    issuer: Issuer,
    steps: Steps,
    runtime: tokio::runtime::Runtime,
    _folder: tempfile::TempDir,
}

impl Scene {
    fn start() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let issuer = runtime.block_on(Issuer::start(IssuerOptions::new(AUDIENCE))).unwrap();
        let vars = [
            ("DATABASE_URL", format!("sqlite://{}", folder.path().join("steps.db").display())),
            ("DATABASE_MIGRATE", "true".to_owned()),
            ("OIDC_ISSUER", issuer.url().to_owned()),
            ("OIDC_AUDIENCE", AUDIENCE.to_owned()),
            ("OIDC_ROLES_CLAIM", "/realm_access/roles".to_owned()),
        ];
        let steps = runtime.block_on(async { Steps::start(Config::from_vars(vars).unwrap()).unwrap() });
        Self { issuer, steps, runtime, _folder: folder }
    }

    fn token(&self, algorithm: Algorithm) -> String {
        let token = self.issuer.token().algorithm(algorithm).expires_in(24 * 60 * 60).sign();
        // The first verification waits for the keys.
        assert!(self.runtime.block_on(self.steps.verify(&token)));
        token
    }
}

fn verify(criterion: &mut Criterion) {
    let scene = Scene::start();
    for algorithm in [Algorithm::Rs256, Algorithm::Ps256, Algorithm::Es256, Algorithm::EdDsa] {
        let token = scene.token(algorithm);
        criterion.bench_function(&format!("verify cold {}", algorithm.name()), |bencher| {
            bencher.iter(|| assert_eq!(scene.steps.examine(black_box(&token)).now_or_never(), Some(true)));
        });
    }
}

fn mapping(criterion: &mut Criterion) {
    let scene = Scene::start();
    let claims = json!({
        "iss": scene.issuer.url(),
        "sub": "alice",
        "azp": "app",
        "scope": "openid profile email profile:read profile:write",
        "realm_access": { "roles": ["auditor", "offline_access", "uma_authorization"] },
        "name": "Alice Example",
        "preferred_username": "alice",
        "email": "alice@example.test",
        "email_verified": true,
    });
    let Value::Object(claims) = claims else { return };
    assert_eq!(scene.steps.interpret(&claims), 8);
    criterion.bench_function("mapping", |bencher| bencher.iter(|| scene.steps.interpret(black_box(&claims))));
}

fn access(criterion: &mut Criterion) {
    let scene = Scene::start();
    let token = scene.token(Algorithm::Rs256);
    let caller = scene.runtime.block_on(scene.steps.authenticate(&token)).unwrap();
    // The first contact created the principal; this request puts it into the cache.
    scene.runtime.block_on(scene.steps.authenticate(&token)).unwrap();
    criterion.bench_function("find the cached caller", |bencher| {
        bencher.iter(|| scene.steps.authenticate(black_box(&token)).now_or_never().unwrap().unwrap());
    });
    criterion
        .bench_function("access decision", |bencher| bencher.iter(|| assert!(black_box(&caller).may(PROFILE_READ))));
}

criterion_group!(steps, verify, mapping, access);
criterion_main!(steps);
