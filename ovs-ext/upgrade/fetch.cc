// Phase fetch: gets the new software and verifies it; nothing of the switch is touched.
#include "upgrade/phases.h"

namespace hitless::upgrade {

Status run_fetch(Step& step) {
    const auto staging = step.places.staging();
    std::error_code error;
    std::filesystem::create_directories(step.places.own(), error);
    std::filesystem::permissions(step.places.own(), std::filesystem::perms::owner_all, error);
    std::filesystem::remove_all(staging, error);
    if (!std::filesystem::create_directory(staging, error)) {
        return make_error("directory {}: cannot be made: {}", staging.string(), error.message());
    }
    software::Request request{step.request.from, step.request.sha256, {}};
    request.answer_limit = std::chrono::seconds(10);
    auto& pair = step.pair;
    pair.release = TRY(software::fetch(request, {pair.a.executable(), step.places.releases()}, staging));
    TRY(step.journal.set_versions(pair.a_version, pair.release->version, pair.release->sha256));
    step.update([&](Summary& summary) {
        summary.to_version = pair.release->version;
        summary.sha256 = pair.release->sha256;
    });
    return {};
}

}  // namespace hitless::upgrade
