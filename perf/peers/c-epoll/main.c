// A line echo server as fast as one thread of C makes it: what every ratio of the harness is measured against.
//
// Edge-triggered epoll; a connection is registered once. A read goes into a buffer that all connections share, its complete lines are found one by
// one, as a server must that does something with them, and are copied to an output buffer; one send gives them back. A connection holds memory of its
// own only for what is left over: the beginning of a line, or replies that its peer has not taken. Nothing more is read from such a peer until then.

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    READ_SIZE = 64 * 1024,
    LINE_MAX_SIZE = 64 * 1024, // The line without its LF, as lineserver's default.
    READS_A_TURN = 4,          // Then the other connections have theirs: 256 KiB, as the epoll transport's ReadBudget.
    EVENTS_A_WAIT = 512,
    BACKLOG = 4096,
    ACCEPT_RETRY_MS = 10,
};

// 48 bytes.
typedef struct connection {
    int fd;
    uint32_t partial_size;
    uint32_t pending_size;
    uint32_t pending_sent;
    char *partial;            // The beginning of a line, at its exact size; NULL when there is none.
    char *pending;            // Replies that did not fit into the socket; NULL when there are none.
    struct connection *next;  // In the list of those whose turn ended before they were drained, or of the closed.
    bool must_read_to_end;    // RDHUP or HUP was seen: a short read is not enough, the end itself must be read.
    bool readable;            // There may be more to read.
    bool listed;              // It is in the list of those to be served again.
    bool closed;
} connection;

static int epoll_fd;
static int listen_fd;
static bool accept_later;
static bool discards;
static char input[LINE_MAX_SIZE + 1 + READ_SIZE]; // A partial line goes in front of the read that may complete it.
static char output[LINE_MAX_SIZE + 1 + READ_SIZE];
static connection *ready_first, *ready_last;
static connection *closed_first;

static void die(const char *what) {
    fprintf(stderr, "c-epoll: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void *allocate(size_t size) {
    void *memory = malloc(size);
    if (memory == NULL) {
        die("malloc");
    }
    return memory;
}

// It is freed after this turn of the loop: an event that was fetched with others may still name it. It is never in the list of the ready here: who is
// has nothing pending, and is served from that list alone.
static void close_connection(connection *c) {
    if (c->closed) {
        return;
    }
    c->closed = true;
    close(c->fd);
    free(c->partial);
    free(c->pending);
    c->partial = c->pending = NULL;
    c->next = closed_first;
    closed_first = c;
}

static void serve_again(connection *c) {
    c->listed = true;
    c->next = NULL;
    if (ready_first == NULL) {
        ready_first = c;
    } else {
        ready_last->next = c;
    }
    ready_last = c;
}

static void keep_partial(connection *c, const char *start, size_t size) {
    if (size == 0) {
        free(c->partial);
        c->partial = NULL;
    } else if (size != c->partial_size || c->partial == NULL) {
        char *copy = allocate(size);
        memcpy(copy, start, size);
        free(c->partial);
        c->partial = copy;
    } else {
        memcpy(c->partial, start, size);
    }
    c->partial_size = (uint32_t)size;
}

// Returns false when the connection is gone.
static bool send_replies(connection *c, const char *start, size_t size) {
    ssize_t sent;
    do {
        sent = send(c->fd, start, size, MSG_NOSIGNAL);
    } while (sent < 0 && errno == EINTR);
    if (sent == (ssize_t)size) {
        return true;
    }
    if (sent < 0) {
        if (errno != EAGAIN) {
            close_connection(c);
            return false;
        }
        sent = 0;
    }
    c->pending_size = (uint32_t)(size - (size_t)sent);
    c->pending_sent = 0;
    c->pending = allocate(c->pending_size);
    memcpy(c->pending, start + sent, c->pending_size);
    return true;
}

// Returns false when there is still something pending, or the connection is gone.
static bool send_pending(connection *c) {
    while (c->pending_sent < c->pending_size) {
        ssize_t sent = send(c->fd, c->pending + c->pending_sent, c->pending_size - c->pending_sent, MSG_NOSIGNAL);
        if (sent < 0) {
            if (errno == EINTR) {
                continue;
            }
            if (errno != EAGAIN) {
                close_connection(c);
            }
            return false;
        }
        c->pending_sent += (uint32_t)sent;
    }
    free(c->pending);
    c->pending = NULL;
    return true;
}

// Reads until the socket is drained, its peer is slow, or its turn is over.
static void serve(connection *c) {
    for (int reads = 0; c->readable; reads++) {
        if (c->pending != NULL) {
            return; // EPOLLOUT goes on.
        }
        if (reads == READS_A_TURN) {
            serve_again(c);
            return;
        }

        size_t held = c->partial_size;
        ssize_t got = recv(c->fd, input + held, READ_SIZE, 0);
        if (got <= 0) {
            if (got < 0 && errno == EINTR) {
                continue;
            }
            if (got < 0 && errno == EAGAIN) {
                c->readable = false;
                return;
            }
            close_connection(c); // The end, or a reset. Every reply before it is with the kernel, which sends it before the FIN.
            return;
        }
        if (got < READ_SIZE && !c->must_read_to_end) {
            c->readable = false;
        }
        if (held > 0) {
            memcpy(input, c->partial, held);
        }

        const char *line = input, *end = input + held + got;
        const char *search = input + held; // What was held is known to have no LF.
        char *reply = output;
        const char *lf;
        while (search < end && (lf = memchr(search, '\n', (size_t)(end - search))) != NULL) {
            size_t size = (size_t)(lf + 1 - line);
            if (!discards) {
                memcpy(reply, line, size);
                reply += size;
            }
            line = search = lf + 1;
        }

        size_t rest = (size_t)(end - line);
        if (rest > LINE_MAX_SIZE) {
            fprintf(stderr, "c-epoll: a line of more than %d bytes; its connection is closed\n", LINE_MAX_SIZE);
            close_connection(c);
            return;
        }
        if ((rest | c->partial_size) != 0) {
            keep_partial(c, line, rest);
        }
        if (reply != output && !send_replies(c, output, (size_t)(reply - output))) {
            return;
        }
    }
}

static void accept_all(void) {
    accept_later = false;
    for (;;) {
        int fd = accept4(listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0) {
            switch (errno) {
            case EAGAIN:
                return;
            case EINTR:
            case ECONNABORTED:
                continue;
            default:
                // EMFILE, ENFILE, ENOBUFS, ENOMEM, and the network's own errors of accept(2): the edge is used up, so it is tried again in a while.
                accept_later = true;
                return;
            }
        }
        int on = 1;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        connection *c = calloc(1, sizeof *c);
        if (c == NULL) {
            die("calloc");
        }
        c->fd = fd;
        struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.ptr = c};
        if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event) != 0) {
            close_connection(c);
        }
    }
}

static void handle(const struct epoll_event *event) {
    if (event->data.ptr == NULL) {
        accept_all();
        return;
    }
    connection *c = event->data.ptr;
    if (c->closed) {
        return;
    }
    if (event->events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) {
        c->readable = true;
        if (event->events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) {
            c->must_read_to_end = true;
        }
    }
    if (c->pending != NULL && !send_pending(c)) {
        return;
    }
    if (!c->listed) {
        serve(c);
    }
}

static void serve_ready(void) {
    connection *c = ready_first;
    ready_first = ready_last = NULL;
    while (c != NULL) {
        connection *next = c->next;
        c->listed = false;
        serve(c);
        c = next;
    }
}

static void free_closed(void) {
    while (closed_first != NULL) {
        connection *next = closed_first->next;
        free(closed_first);
        closed_first = next;
    }
}

static int listen_on(const char *address, int port) {
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    if (inet_pton(AF_INET, address, &name.sin_addr) != 1) {
        fprintf(stderr, "c-epoll: '%s' is no IPv4 address\n", address);
        exit(2);
    }
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int on = 1;
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0) {
        die("socket");
    }
    if (bind(fd, (struct sockaddr *)&name, sizeof name) != 0) {
        die("bind");
    }
    if (listen(fd, BACKLOG) != 0) {
        die("listen");
    }
    socklen_t size = sizeof name;
    if (getsockname(fd, (struct sockaddr *)&name, &size) != 0) {
        die("getsockname");
    }
    printf("c-epoll: listening on %s:%d\n", address, ntohs(name.sin_port));
    fflush(stdout);
    return fd;
}

static void usage(void) {
    fprintf(stderr, "usage: c-epoll [--address IPV4] [--port N] [--handler echo|discard]\n");
    exit(2);
}

int main(int argc, char **argv) {
    const char *address = "127.0.0.1";
    int port = 7007;
    for (int i = 1; i < argc; i += 2) {
        if (i + 1 == argc) {
            usage();
        }
        if (strcmp(argv[i], "--address") == 0) {
            address = argv[i + 1];
        } else if (strcmp(argv[i], "--port") == 0) {
            char *end;
            long value = strtol(argv[i + 1], &end, 10);
            if (end == argv[i + 1] || *end != '\0' || value < 0 || value > 65535) {
                usage();
            }
            port = (int)value;
        } else if (strcmp(argv[i], "--handler") == 0 && strcmp(argv[i + 1], "echo") == 0) {
            discards = false;
        } else if (strcmp(argv[i], "--handler") == 0 && strcmp(argv[i + 1], "discard") == 0) {
            discards = true;
        } else {
            usage();
        }
    }

    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    listen_fd = listen_on(address, port);
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN | EPOLLET, .data.ptr = NULL};
    if (epoll_fd < 0 || epoll_ctl(epoll_fd, EPOLL_CTL_ADD, listen_fd, &event) != 0) {
        die("epoll");
    }

    static struct epoll_event events[EVENTS_A_WAIT];
    for (;;) {
        int timeout = ready_first != NULL ? 0 : accept_later ? ACCEPT_RETRY_MS : -1;
        int count = epoll_wait(epoll_fd, events, EVENTS_A_WAIT, timeout);
        if (count < 0 && errno != EINTR) {
            die("epoll_wait");
        }
        for (int i = 0; i < count; i++) {
            handle(&events[i]);
        }
        if (accept_later) {
            accept_all();
        }
        if (ready_first != NULL) {
            serve_ready();
        }
        if (closed_first != NULL) {
            free_closed();
        }
    }
}
