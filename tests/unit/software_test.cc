// New software: what is taken, and what is refused before anything of it runs. The packages are made here, with dpkg-deb, around
// shell scripts in the place of ovs-vswitchd.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>

#include "base/process.h"
#include "software/package.h"
#include "software/release.h"

namespace hitless::software {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::StartsWith;

constexpr const char* switch_path = "usr/lib/openvswitch-switch/ovs-vswitchd";
constexpr const char* good_switch = "#!/bin/sh\necho 'ovs-vswitchd (Open vSwitch) 3.9.1'\n";
constexpr const char* good_dpdk_switch = "#!/bin/sh\necho 'ovs-vswitchd-dpdk (Open vSwitch) 3.9.2'\necho 'DPDK 24.11.0'\n";

class SoftwareTest : public testing::Test {
  protected:
    void SetUp() override {
        std::string name = (fs::path(testing::TempDir()) / "software-XXXXXX").string();
        ASSERT_NE(mkdtemp(name.data()), nullptr);
        top_ = name;
        fs::create_directory(staging());
    }
    void TearDown() override { fs::remove_all(top_); }

    fs::path staging() const { return top_ / "staging"; }
    fs::path root() const { return top_ / "root"; }   // of the package to be made

    static void write(const fs::path& path, const std::string& text, bool executable = false) {
        fs::create_directories(path.parent_path());
        std::ofstream(path, std::ios::binary) << text;
        if (executable) {
            fs::permissions(path, fs::perms::owner_all);
        }
    }
    static std::string read(const fs::path& path) {
        std::ifstream file(path, std::ios::binary);
        return std::string(std::istreambuf_iterator<char>(file), {});
    }
    static std::string run(const std::vector<std::string>& argv) {
        auto output = run_checked(argv);
        EXPECT_TRUE(output.ok()) << output.error().message;
        return output.ok() ? output->substr(0, output->find('\n')) : "";
    }
    static std::string host_architecture() { return run({"dpkg", "--print-architecture"}); }

    // Makes test.deb of what is in root().
    std::string make_package(const std::string& architecture = host_architecture()) {
        write(root() / "DEBIAN/control", "Package: test-switch\nVersion: 3.9.1-1\nArchitecture: " + architecture +
                                             "\nMaintainer: test <test@localhost>\nDescription: test\n");
        std::string deb = (top_ / "test.deb").string();
        run({"dpkg-deb", "--root-owner-group", "--build", root().string(), deb});
        return deb;
    }
    std::string make_good_package() {
        write(root() / switch_path, good_switch, true);
        write(root() / "usr/sbin/ovsdb-server", "#!/bin/sh\n", true);
        write(root() / "usr/share/openvswitch/vswitch.ovsschema", "{}");
        return make_package();
    }

    Result<Release> fetch_from(const std::string& from, std::optional<std::string> sha256 = {}) const {
        Request request;
        request.from = from;
        request.sha256 = sha256;
        request.answer_limit = std::chrono::milliseconds(500);
        return fetch(request, {"/nonexistent/ovs-vswitchd", top_ / "kept", {}, {}, false, {}, {}}, staging());
    }
    // The message of the Error; and nothing may be left then.
    std::string refusal(const std::string& from, std::optional<std::string> sha256 = {}) const {
        auto release = fetch_from(from, std::move(sha256));
        EXPECT_FALSE(release.ok());
        EXPECT_TRUE(fs::is_empty(staging()));
        return release.ok() ? "" : release.error().message;
    }

    fs::path top_;
};

TEST_F(SoftwareTest, PackageIsTakenWithAllThatItHas) {
    std::string deb = make_good_package();
    auto release = fetch_from(deb, *sha256_of(deb));
    ASSERT_TRUE(release.ok()) << release.error().message;
    EXPECT_EQ(release->source, deb);
    EXPECT_EQ(release->version, "3.9.1");
    EXPECT_EQ(release->package, "test-switch");
    EXPECT_EQ(release->package_version, "3.9.1-1");
    EXPECT_EQ(release->vswitchd, staging() / "tree" / switch_path);
    EXPECT_EQ(release->ovsdb_server, staging() / "tree/usr/sbin/ovsdb-server");
    EXPECT_EQ(release->schema, staging() / "tree/usr/share/openvswitch/vswitch.ovsschema");
    EXPECT_EQ(release->sha256 + "  " + release->vswitchd.string(), run({"sha256sum", release->vswitchd.string()}));

    struct stat status;
    ASSERT_EQ(::stat(staging().c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 07777, 0700u);
    EXPECT_FALSE(fs::exists(staging() / "package.deb"));
}

TEST_F(SoftwareTest, PackageOfTheBuildWithDpdkIsTaken) {
    write(root() / "usr/lib/openvswitch-switch-dpdk/ovs-vswitchd-dpdk", good_dpdk_switch, true);
    auto release = fetch_from(make_package());
    ASSERT_TRUE(release.ok()) << release.error().message;
    EXPECT_EQ(release->version, "3.9.2");
    EXPECT_EQ(release->ovsdb_server, std::nullopt);
    EXPECT_EQ(release->schema, std::nullopt);
}

TEST_F(SoftwareTest, MaintainerScriptsDoNotRun) {
    for (const char* script : {"preinst", "postinst", "config"}) {
        write(root() / "DEBIAN" / script, "#!/bin/sh\ntouch " + (top_ / "ran").string() + "\n");
        ::chmod((root() / "DEBIAN" / script).c_str(), 0755);
    }
    auto release = fetch_from(make_good_package());
    ASSERT_TRUE(release.ok()) << release.error().message;
    EXPECT_FALSE(fs::exists(top_ / "ran"));
}

TEST_F(SoftwareTest, PackageCutOffAnywhereIsRefused) {
    // Random bytes do not compress: the data member is far larger than a block of the compressor or of the file.
    fs::create_directories(root() / "usr/share");
    run({"dd", "if=/dev/urandom", "of=" + (root() / "usr/share/filler").string(), "bs=1000", "count=200",
         "status=none"});
    const std::string whole = read(make_good_package());
    const std::string part = (top_ / "part.deb").string();
    ASSERT_GT(whole.size(), 200000u);
    std::set<size_t> sizes;
    for (size_t size = 0; size < 3000; size += 97) {
        sizes.insert(size);
    }
    for (size_t fraction = 1; fraction < 10; fraction++) {
        sizes.insert(whole.size() * fraction / 10);
    }
    sizes.insert({8, 68, 72, 132, whole.size() - 64, whole.size() - 2});
    for (size_t size : sizes) {
        write(part, whole.substr(0, size));
        auto status = check_archive(part);
        ASSERT_FALSE(status.ok()) << size;
        EXPECT_EQ(refusal(part), part + ": " + status.error().message) << size;
    }
    write(part, whole.substr(0, 0));
    EXPECT_EQ(refusal(part), part + ": not a Debian package");
    write(part, whole.substr(0, 40));
    EXPECT_EQ(refusal(part), part + ": cut off: 40 bytes are in the file, and another archive member begins at byte 8");
    write(part, whole.substr(0, 72));
    EXPECT_EQ(refusal(part), part + ": cut off: it has no member control.tar");

    // This one still has a control file that dpkg-deb shows, and would unpack in part.
    write(part, whole.substr(0, 150000));
    EXPECT_TRUE(run_checked({"dpkg-deb", "--field", part, "Version"}).ok());
    EXPECT_THAT(refusal(part), testing::MatchesRegex(".*/part.deb: cut off: its member data.tar.[a-z0-9]+ has [0-9]+ of [0-9]+ bytes"));
}

TEST_F(SoftwareTest, PackageWithDamagedBytesIsRefused) {
    std::string deb = make_good_package(), bytes = read(deb);
    for (size_t position : {bytes.size() - 100, bytes.size() - 30}) {   // in the compressed files
        std::string damaged = bytes;
        damaged[position] = static_cast<char>(damaged[position] ^ 0x55);
        write(deb, damaged);
        EXPECT_THAT(refusal(deb), StartsWith(deb + ": damaged: dpkg-deb: exit status 2: ")) << position;
    }
}

TEST_F(SoftwareTest, FileOfAnotherKindIsRefused) {
    write(top_ / "notes.deb", "This is not a package.\n");
    EXPECT_EQ(refusal((top_ / "notes.deb").string()), (top_ / "notes.deb").string() + ": not a Debian package");
}

TEST_F(SoftwareTest, DigestMustBeTheOneGiven) {
    std::string deb = make_good_package(), actual = *sha256_of(deb), wanted(64, 'a');
    EXPECT_EQ(refusal(deb, wanted), deb + ": its SHA-256 is " + actual + ", and should be " + wanted);
    EXPECT_EQ(refusal(deb, "abc"), "SHA-256 'abc': should be 64 hexadecimal digits");
    std::transform(actual.begin(), actual.end(), actual.begin(), ::toupper);
    EXPECT_TRUE(fetch_from(deb, actual).ok());
}

TEST_F(SoftwareTest, PackageOfAnotherArchitectureIsRefused) {
    write(root() / switch_path, good_switch, true);
    std::string other = host_architecture() == "s390x" ? "amd64" : "s390x", deb = make_package(other);
    EXPECT_EQ(refusal(deb), deb + ": package test-switch 3.9.1-1 is for the architecture " + other +
                                ", and this host is " + host_architecture());
}

TEST_F(SoftwareTest, PackageWithoutSwitchIsRefused) {
    write(root() / "usr/sbin/ovsdb-server", "#!/bin/sh\n", true);
    std::string deb = make_package();
    EXPECT_EQ(refusal(deb), deb + ": package test-switch 3.9.1-1 has no ovs-vswitchd; it should be in "
                                  "usr/lib/openvswitch-switch/ovs-vswitchd, "
                                  "usr/lib/openvswitch-switch-dpdk/ovs-vswitchd-dpdk or usr/sbin/ovs-vswitchd");
}

TEST_F(SoftwareTest, SwitchMustAnswerVersion) {
    const std::string binary = (staging() / "tree" / switch_path).string();
    struct {
        std::string script, message;
    } cases[] = {
        {"#!/bin/sh\necho broken >&2; exit 1\n", binary + ": exit status 1: broken"},
        {"#!/bin/sh\nexec sleep 60\n", binary + ": no end after 500 ms; killed"},
        {"#!/bin/sh\necho 'lighttpd 1.4'\n", "it is not ovs-vswitchd: to --version it answers 'lighttpd 1.4'"},
        {"#!/bin/sh\necho 'ovsdb-server (Open vSwitch) 3.1.0'\n",
         "it is not ovs-vswitchd: to --version it answers 'ovsdb-server (Open vSwitch) 3.1.0'"},
        {"#!/bin/sh\n", "it is not ovs-vswitchd: to --version it answers ''"},
        {"#!/bin/sh\nyes\n", binary + ": wrote more than 1048576 bytes; killed"},
        {std::string("\x7f") + "ELF of another machine", binary + ": cannot be started: Exec format error"},
    };
    for (const auto& [script, message] : cases) {
        write(root() / switch_path, script, true);
        std::string deb = make_package();
        EXPECT_EQ(refusal(deb), deb + ": " + message);
    }
}

TEST_F(SoftwareTest, PackageWithLinkAsSwitchIsRefused) {
    write(top_ / "outside", good_switch, true);
    fs::create_directories((root() / switch_path).parent_path());
    fs::create_symlink(top_ / "outside", root() / switch_path);
    std::string deb = make_package();
    EXPECT_EQ(refusal(deb), deb + ": refused: its " + switch_path + " is a symbolic link or lies behind one, and leads to " +
                                (top_ / "outside").string());
}

TEST_F(SoftwareTest, PackageWithLinkAboveSwitchIsRefused) {
    write(top_ / "outside/openvswitch-switch/ovs-vswitchd", good_switch, true);
    fs::create_directories(root() / "usr");
    fs::create_symlink(top_ / "outside", root() / "usr/lib");
    std::string deb = make_package();
    EXPECT_EQ(refusal(deb), deb + ": refused: its " + switch_path + " is a symbolic link or lies behind one, and leads to " +
                                (top_ / "outside/openvswitch-switch/ovs-vswitchd").string());
}

// Packages as only an attacker makes them: the files' member is a tar archive that dpkg-deb --build would not write.
class HostilePackageTest : public SoftwareTest {
  protected:
    // 'arguments' of tar, which runs in top_/files.
    std::string make_with_tar(std::vector<std::string> arguments) {
        std::string deb = make_good_package();
        fs::path parts = top_ / "parts";
        fs::create_directory(parts);
        std::string data = (parts / "data.tar").string();
        std::vector<std::string> argv = {"tar", "-cPf", data, "-C", (top_ / "files").string()};
        argv.insert(argv.end(), arguments.begin(), arguments.end());
        run(argv);
        run({"dpkg-deb", "--control", deb, (parts / "control").string()});
        run({"tar", "-cf", (parts / "control.tar").string(), "-C", (parts / "control").string(), "."});
        write(parts / "debian-binary", "2.0\n");
        std::string bytes = "!<arch>\n";
        for (const char* name : {"debian-binary", "control.tar", "data.tar"}) {
            std::string content = read(parts / name);
            bytes += fmt::format("{:<16}{:<12}{:<6}{:<6}{:<8}{:<10}`\n", name, 0, 0, 0, "100644", content.size()) + content;
        }
        write(deb, bytes);
        return deb;
    }
};

TEST_F(HostilePackageTest, PathOutOfTheTreeIsRefused) {
    write(top_ / "files/sub/x", "");
    write(top_ / "files/evil", "");
    std::string deb = make_with_tar({"sub/../../files/evil"});
    EXPECT_EQ(refusal(deb), deb + ": refused: 'sub/../../files/evil' leaves the package's tree");
}

TEST_F(HostilePackageTest, AbsolutePathIsRefused) {
    write(top_ / "files/evil", "");
    std::string evil = (top_ / "files/evil").string(), deb = make_with_tar({evil});
    fs::remove(evil);
    EXPECT_EQ(refusal(deb), deb + ": refused: '" + evil + "' leaves the package's tree");
    EXPECT_FALSE(fs::exists(evil));
}

TEST_F(HostilePackageTest, FileBehindLinkIsRefused) {
    fs::create_directory(top_ / "target");
    write(top_ / "files/evil", "");
    fs::create_directory(top_ / "files/later");
    write(top_ / "files/later/evil", "");
    fs::create_symlink(top_ / "target", top_ / "files/link");
    std::string deb = make_with_tar({"link", "later/evil", "--transform=s,^later/,link/,S"});
    EXPECT_EQ(refusal(deb), deb + ": refused: 'link/evil' lies behind a symbolic link of the package");
    EXPECT_TRUE(fs::is_empty(top_ / "target"));
}

TEST_F(HostilePackageTest, PipeIsRefused) {
    fs::create_directory(top_ / "files");
    ASSERT_EQ(::mkfifo((top_ / "files/pipe").c_str(), 0600), 0);
    std::string deb = make_with_tar({"pipe"});
    EXPECT_EQ(refusal(deb), deb + ": refused: 'pipe' is a device, pipe or other special file");
}

TEST(CheckContentsTest, TakesWhatPackagesHave) {
    EXPECT_TRUE(check_contents("drwxr-xr-x root/root         0 2024-02-18 10:00 ./\n"
                               "-rwxr-xr-x root/root   2650416 2024-02-18 10:00 ./usr/sbin/a file\n"
                               "lrwxrwxrwx root/root         0 2024-02-18 10:00 ./lib/systemd/x.service -> /dev/null\n"
                               "hrw-r--r-- root/root         0 2024-02-18 10:00 ./usr/b link to ./usr/sbin/a file\n",
                               2650416)
                    .ok());
}

TEST(CheckContentsTest, RefusesTricks) {
    auto message = [](const std::string& line, uint64_t limit = 1000) {
        auto status = check_contents(line + "\n", limit);
        return status.ok() ? "" : status.error().message;
    };
    EXPECT_EQ(message("crw-r--r-- root/root 1,3 2024-02-18 10:00 ./null"),
              "refused: './null' is a device, pipe or other special file");
    EXPECT_EQ(message("hrw-r--r-- root/root 0 2024-02-18 10:00 ./b link to /etc/shadow"),
              "refused: './b' is a link to '/etc/shadow', which leaves the package's tree");
    EXPECT_EQ(message("lrwxrwxrwx root/root 0 2024-02-18 10:00 ./a -> b -> c"), "refused: its link './a -> b -> c' is ambiguous");
    EXPECT_EQ(message("-rw-r--r-- root/root 1001 2024-02-18 10:00 ./big"), "refused: it unpacks to more than 1000 bytes");
    EXPECT_EQ(message("-rw-r--r-- root/root 18446744073709551615 2024-02-18 10:00 ./big"),
              "refused: it unpacks to more than 1000 bytes");
    EXPECT_EQ(message("-rw-r--r-- root/root"), "damaged: its list of files has the line '-rw-r--r-- root/root'");
    EXPECT_EQ(message("hrw-r--r-- root/root 0 2024-02-18 10:00 ./b link to ./l/x\n"
                      "lrwxrwxrwx root/root 0 2024-02-18 10:00 ./l -> /etc"),
              "refused: './b' lies behind a symbolic link of the package");
}

TEST_F(SoftwareTest, DirectoryWithSwitchIsTaken) {
    write(root() / "ovs-vswitchd", good_switch, true);
    write(root() / "ovsdb-server", "#!/bin/sh\n", true);
    auto release = fetch_from(root().string());
    ASSERT_TRUE(release.ok()) << release.error().message;
    EXPECT_EQ(release->version, "3.9.1");
    EXPECT_EQ(release->vswitchd, root() / "ovs-vswitchd");
    EXPECT_EQ(release->ovsdb_server, root() / "ovsdb-server");
    EXPECT_EQ(release->schema, std::nullopt);
    EXPECT_TRUE(fs::is_empty(staging()));
}

TEST_F(SoftwareTest, DirectoryWithTheBuildWithDpdkIsTaken) {
    write(root() / "ovs-vswitchd-dpdk", good_dpdk_switch, true);
    auto release = fetch_from(root().string());
    ASSERT_TRUE(release.ok()) << release.error().message;
    EXPECT_EQ(release->version, "3.9.2");
    EXPECT_EQ(release->vswitchd, root() / "ovs-vswitchd-dpdk");
}

TEST_F(SoftwareTest, DirectoryInDebianLayoutIsTakenAndLinksFollowed) {
    write(root() / "opt/3.9/ovs-vswitchd", good_switch, true);
    fs::create_directories(root() / "usr/sbin");
    fs::create_symlink("../../opt/3.9/ovs-vswitchd", root() / "usr/sbin/ovs-vswitchd");
    write(root() / "usr/share/openvswitch/vswitch.ovsschema", "{}");
    auto release = fetch_from(root().string(), *sha256_of(root() / "opt/3.9/ovs-vswitchd"));
    ASSERT_TRUE(release.ok()) << release.error().message;
    EXPECT_EQ(release->vswitchd, root() / "opt/3.9/ovs-vswitchd");
    EXPECT_EQ(release->schema, root() / "usr/share/openvswitch/vswitch.ovsschema");
}

TEST_F(SoftwareTest, DirectoryWithoutSwitchOrWithAnotherDigestIsRefused) {
    fs::create_directory(root());
    EXPECT_EQ(refusal(root().string()),
              root().string() + ": has no ovs-vswitchd; it should be there (or ovs-vswitchd-dpdk), or below, in "
                                "usr/lib/openvswitch-switch/ovs-vswitchd, "
                                "usr/lib/openvswitch-switch-dpdk/ovs-vswitchd-dpdk or usr/sbin/ovs-vswitchd");
    write(root() / "ovs-vswitchd", good_switch, true);
    EXPECT_THAT(refusal(root().string(), std::string(64, '0')), HasSubstr("/ovs-vswitchd: its SHA-256 is "));
}

TEST_F(SoftwareTest, InstalledSwitchIsTakenWithItsFiles) {
    write(root() / switch_path, good_switch, true);
    write(root() / "usr/sbin/ovsdb-server", "#!/bin/sh\n", true);
    fs::create_symlink(root() / switch_path, root() / "usr/sbin/ovs-vswitchd");
    Request request;
    request.from = "installed";
    auto release = fetch(request, {root() / "usr/sbin/ovs-vswitchd", top_ / "kept", {}, {}, false, {}, {}}, staging());
    ASSERT_TRUE(release.ok()) << release.error().message;
    EXPECT_EQ(release->vswitchd, root() / switch_path);
    EXPECT_EQ(release->ovsdb_server, root() / "usr/sbin/ovsdb-server");
}

TEST_F(SoftwareTest, MissingSourceIsNamed) {
    EXPECT_EQ(refusal("/nonexistent/new.deb"), "/nonexistent/new.deb: no such package or directory; new software is 'installed', a "
                                               "directory, a .deb file, its URL, apt[:VERSION], or release:NAME");
    EXPECT_EQ(refusal("installed"), "/nonexistent/ovs-vswitchd: No such file or directory");
}

TEST_F(SoftwareTest, StagingDirectoryMustBeEmpty) {
    std::string deb = make_good_package();
    write(staging() / "other", "");
    auto release = fetch_from(deb);
    ASSERT_FALSE(release.ok());
    EXPECT_EQ(release.error().message, staging().string() + ": should be an empty directory for the new software");
    EXPECT_TRUE(fs::exists(staging() / "other"));
}

// Whoever may write what is run as root may become root.
TEST_F(SoftwareTest, WhatOthersMayWriteIsRefusedBeforeItIsRun) {
    const fs::path binary = root() / "ovs-vswitchd";
    write(binary, "#!/bin/sh\ntouch " + (top_ / "has-run").string() + "\n" + good_switch, true);
    fs::permissions(binary, fs::perms::others_write, fs::perm_options::add);
    EXPECT_EQ(refusal(root().string()), binary.string() + ": refused: everybody may write it, and so have any program run as root: "
                                                          "chmod go-w " + binary.string());
    fs::permissions(binary, fs::perms::others_write, fs::perm_options::remove);
    fs::permissions(root(), fs::perms::others_write, fs::perm_options::add);
    EXPECT_THAT(refusal(root().string()), StartsWith(root().string() + ": refused: everybody may write it"));
    EXPECT_FALSE(fs::exists(top_ / "has-run"));
    // As in /tmp: nobody can put another file in the place of ours.
    fs::permissions(root(), fs::perms::sticky_bit, fs::perm_options::add);
    EXPECT_TRUE(fetch_from(root().string()).ok());

    std::string deb = make_good_package();
    fs::permissions(deb, fs::perms::others_write, fs::perm_options::add);
    EXPECT_THAT(refusal(deb), StartsWith(deb + ": refused: everybody may write it"));
}

TEST_F(SoftwareTest, WhatBelongsToAnotherUserIsRefused) {
    if (::geteuid() != 0) {
        GTEST_SKIP() << "only root can give files away";
    }
    write(root() / "ovs-vswitchd", good_switch, true);
    write(root() / "ovsdb-server", "#!/bin/sh\n", true);
    ASSERT_EQ(::chown((root() / "ovsdb-server").c_str(), 12345, 0), 0);
    EXPECT_EQ(refusal(root().string()), (root() / "ovsdb-server").string() + ": refused: it belongs to the user 12345, who could have "
                                                                             "any program run as root: give it to root");
}

TEST(Sha256Test, OfKnownContent) {
    std::string name = (fs::path(testing::TempDir()) / "sha256-XXXXXX").string();
    int fd = mkstemp(name.data());
    ASSERT_EQ(::write(fd, "abc", 3), 3);
    ::close(fd);
    EXPECT_EQ(*sha256_of(name), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");   // FIPS 180-4, example
    fs::remove(name);
    EXPECT_EQ(sha256_of(name).error().message, name + ": No such file or directory");
}

}  // namespace
}  // namespace hitless::software
