#include "datapath/notice_filter.h"

#include <arpa/inet.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>

#include <cstddef>

namespace hitless::datapath {

namespace {

// Of a notice: struct nlmsghdr, struct ifinfomsg, and the first attribute, which is the device's name (rtnl_fill_ifinfo() and
// inet6_fill_ifinfo() of Linux).
constexpr unsigned message_type = offsetof(nlmsghdr, nlmsg_type);
constexpr unsigned first_attribute = NLMSG_HDRLEN + NLMSG_ALIGN(sizeof(ifinfomsg));
constexpr unsigned attribute_type = first_attribute + offsetof(rtattr, rta_type), name = first_attribute + RTA_LENGTH(0);

// Of what it finds unlike, a program says here that the whole message is to be accepted.
constexpr uint8_t to_accept = 255;

sock_filter load(unsigned size, unsigned offset) { return BPF_STMT(static_cast<uint16_t>(BPF_LD | BPF_ABS | size), offset); }

sock_filter compare(unsigned how, unsigned with, uint8_t if_true, uint8_t if_false) {
    return BPF_JUMP(static_cast<uint16_t>(BPF_JMP | BPF_K | how), with, if_true, if_false);
}

}  // namespace

std::vector<sock_filter> notice_filter(const std::string& prefix) {
    std::vector<sock_filter> program = {
        load(BPF_H, message_type),   // the machine's byte order, read as the network's
        compare(BPF_JEQ, htons(RTM_NEWLINK), 1, 0),
        compare(BPF_JEQ, htons(RTM_DELLINK), 0, to_accept),
        load(BPF_H, attribute_type),
        compare(BPF_JEQ, htons(IFLA_IFNAME), 0, to_accept),
    };
    unsigned at = name;
    for (char letter : prefix) {
        program.push_back(load(BPF_B, at++));
        program.push_back(compare(BPF_JEQ, static_cast<uint8_t>(letter), 0, to_accept));
    }
    program.insert(program.end(), {load(BPF_B, at), compare(BPF_JEQ, 'l', 1, 0), compare(BPF_JEQ, 'h', 0, to_accept),
                                   load(BPF_B, at + 1), compare(BPF_JGE, '0', 0, to_accept), compare(BPF_JGT, '9', to_accept, 0),
                                   BPF_STMT(BPF_RET | BPF_K, 0), BPF_STMT(BPF_RET | BPF_K, UINT32_MAX)});
    for (size_t i = 0; i < program.size(); i++) {
        for (uint8_t* jump : {&program[i].jt, &program[i].jf}) {
            if (*jump == to_accept) {
                *jump = static_cast<uint8_t>(program.size() - 2 - i);   // to the last instruction
            }
        }
    }
    return program;
}

}  // namespace hitless::datapath
