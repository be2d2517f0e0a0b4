// Kept releases. Shell scripts stand in for ovs-vswitchd.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>

#include "software/store.h"

namespace hitless::software {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;

class Kept : public testing::Test {
  protected:
    void SetUp() override {
        std::string name = (fs::path(testing::TempDir()) / "store-XXXXXX").string();
        ASSERT_NE(mkdtemp(name.data()), nullptr);
        top_ = name;
        store_ = Store(top_ / "kept");
    }
    void TearDown() override { fs::remove_all(top_); }

    fs::path write(const fs::path& name, const std::string& text) const {
        fs::create_directories((top_ / name).parent_path());
        std::ofstream(top_ / name) << text;
        fs::permissions(top_ / name, fs::perms::owner_all);
        return top_ / name;
    }

    // A release whose switch says that it is 'version'; 'build' makes it another one of that version.
    Release release(const std::string& version, const std::string& package_version = "", const std::string& build = "") const {
        Release release;
        release.version = version;
        release.package_version = package_version;
        release.source = "test";
        release.vswitchd = write("new/" + version + build + "/ovs-vswitchd",
                                 "#!/bin/sh\necho 'ovs-vswitchd (Open vSwitch) " + version + "' #" + build + "\n");
        release.sha256 = *sha256_of(release.vswitchd);
        return release;
    }

    std::string keep(const Release& release) {
        auto kept = store_.keep(release, release.vswitchd);
        EXPECT_TRUE(kept.ok()) << kept.error().message;
        std::this_thread::sleep_for(std::chrono::milliseconds(2));   // the order is by time
        return release.sha256;
    }

    std::vector<std::string> versions() const {
        std::vector<std::string> versions;
        const auto all = *store_.list();
        for (const auto& kept : all) {
            versions.push_back(kept.release.version);
        }
        return versions;
    }

    Result<Release> fetch_kept(const std::string& name, std::optional<std::string> sha256 = {}) const {
        fs::remove_all(top_ / "staging");
        fs::create_directory(top_ / "staging");
        Request request;
        request.from = "release:" + name;
        request.sha256 = std::move(sha256);
        return fetch(request, {"/nonexistent", top_ / "kept", {}, {}, false, {}, {}}, top_ / "staging");
    }

    fs::path top_;
    Store store_{""};
};

TEST_F(Kept, NothingAtFirst) {
    EXPECT_THAT(versions(), ElementsAre());
    EXPECT_EQ(store_.find("3.1.0").error().message, "release 3.1.0: is not kept; none is");
}

TEST_F(Kept, IsFoundByVersionPackageAndDigest) {
    auto first = keep(release("3.1.0", "3.1.0-2")), second = keep(release("3.3.0", "3.3.0-1"));
    EXPECT_EQ(store_.find("3.1.0")->release.sha256, first);
    EXPECT_EQ(store_.find("3.3.0-1")->release.sha256, second);
    EXPECT_EQ(store_.find(second.substr(0, 8))->release.sha256, second);
    EXPECT_THAT(store_.find(second.substr(0, 7)).error().message, HasSubstr("is not kept; these are: 3.1.0, package 3.1.0-2 ("));
}

TEST_F(Kept, NameOfTwoIsRefused) {
    keep(release("3.1.0", "3.1.0-2"));
    auto second = keep(release("3.1.0", "3.1.0-3", "again"));
    EXPECT_THAT(store_.find("3.1.0").error().message, HasSubstr("more than one answers to that, give the digits in brackets: "));
    EXPECT_EQ(store_.find("3.1.0-3")->release.sha256, second);
}

TEST_F(Kept, HasAllFilesAndOutlivesItsOrigin) {
    auto one = release("3.1.0", "3.1.0-2");
    one.package = "openvswitch-switch";
    one.ovsdb_server = write("new/sbin/ovsdb-server", "server");
    one.schema = write("new/vswitch.ovsschema", "{}");
    keep(one);
    fs::remove_all(top_ / "new");
    auto fetched = fetch_kept("3.1.0");
    ASSERT_TRUE(fetched.ok()) << fetched.error().message;
    EXPECT_EQ(fetched->vswitchd, top_ / "staging/tree/ovs-vswitchd");
    EXPECT_EQ(fetched->ovsdb_server, top_ / "staging/tree/ovsdb-server");
    EXPECT_EQ(fetched->schema, top_ / "staging/tree/vswitch.ovsschema");
    EXPECT_EQ(fetched->package, "openvswitch-switch");
    EXPECT_EQ(fetched->package_version, "3.1.0-2");
    EXPECT_EQ(fetched->version, "3.1.0");
    // And a stand-by that runs from it outlives its removal.
    ASSERT_TRUE(store_.remove(one.sha256).ok());
    EXPECT_TRUE(fs::exists(fetched->vswitchd));
}

TEST_F(Kept, DamageIsSeenBeforeItIsRun) {
    auto kept = *store_.keep(release("3.1.0"), "ovs-vswitchd");
    std::ofstream(kept.release.vswitchd) << "#!/bin/sh\ntouch " << (top_ / "has-run").string() << "\n";
    EXPECT_THAT(fetch_kept("3.1.0").error().message, HasSubstr("/ovs-vswitchd: its SHA-256 is "));
    EXPECT_FALSE(fs::exists(top_ / "has-run"));
    EXPECT_TRUE(fs::is_empty(top_ / "staging"));
    EXPECT_THAT(fetch_kept("3.1.0", std::string(64, '0')).error().message, HasSubstr("and should be 0000"));
}

TEST_F(Kept, OldestGoAndThoseInUseStay) {
    auto first = keep(release("3.0.0"));
    keep(release("3.1.0"));
    keep(release("3.2.0"));
    keep(release("3.3.0"));
    auto removed = store_.prune(2, {first});
    ASSERT_TRUE(removed.ok());
    EXPECT_EQ(removed->size(), 2u);
    EXPECT_THAT(versions(), ElementsAre("3.0.0", "3.3.0"));
}

TEST_F(Kept, KeptAgainIsTheNewestAndStillOne) {
    keep(release("3.0.0"));
    keep(release("3.1.0"));
    keep(release("3.0.0"));
    EXPECT_THAT(versions(), ElementsAre("3.1.0", "3.0.0"));
}

TEST_F(Kept, WhatACrashLeftIsNoRelease) {
    auto one = release("3.0.0");
    write("kept/" + one.sha256 + "/ovs-vswitchd", "half");   // no about.json
    write("kept/.partial-" + one.sha256 + "/ovs-vswitchd", "half");
    EXPECT_THAT(versions(), ElementsAre());
    keep(one);
    EXPECT_THAT(versions(), ElementsAre("3.0.0"));
    EXPECT_TRUE(fetch_kept("3.0.0").ok());
}

TEST_F(Kept, ProgramWithDpdkKeepsItsName) {
    auto kept = store_.keep(release("3.1.0"), "/usr/lib/openvswitch-switch-dpdk/ovs-vswitchd-dpdk");
    ASSERT_TRUE(kept.ok());
    EXPECT_EQ(kept->release.vswitchd.filename(), "ovs-vswitchd-dpdk");
    EXPECT_EQ(fetch_kept("3.1.0")->vswitchd.filename(), "ovs-vswitchd-dpdk");
}

}  // namespace
}  // namespace hitless::software
