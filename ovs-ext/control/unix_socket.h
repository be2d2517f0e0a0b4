// Unix domain sockets by path, for the files of this folder. Paths may be longer than sockaddr_un allows.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

#include "base/fd.h"
#include "base/result.h"

namespace hitless::control {

// A non-blocking stream socket that listens at 'path'; a file that is there already is replaced, so the caller makes sure that
// it is nobody's. The file is the caller's to remove, also when the daemon is ended by a signal.
Result<Fd> listen_unix(const std::string& path);

// A non-blocking connection to the socket at 'path'; none where that has no room for another one now.
Result<Fd> connect_unix(const std::string& path);

// Whether a process listens at 'path' (a symbolic link is followed). A process that is stopped, or slow, listens.
bool has_listener(const std::string& path);

// What a path names, without following a symbolic link; nothing when it names nothing.
struct FileIdentity {
    dev_t device = 0;
    ino_t inode = 0;
    mode_t mode = 0;
    uid_t user = 0;
    gid_t group = 0;

    bool is_socket() const;
    bool is_link() const;
    bool same_file(const FileIdentity& other) const { return device == other.device && inode == other.inode; }
};
std::optional<FileIdentity> identify(const std::string& path);

// rename(2), link(2) and unlink(2) with messages. remove() is content when there is nothing at 'path'.
Status rename_file(const std::string& from, const std::string& to);
Status remove_file(const std::string& path);

// Gives the socket at 'path', and nothing else that may have been put there, owner and mode of 'like'.
Status give_socket(const std::string& path, const FileIdentity& like);

// Gives the file of 'from' the second name 'to', in place of what had that name; no moment is without a file at 'to' if one
// was there.
Status link_over(const std::string& from, const std::string& to);

}  // namespace hitless::control
