// A line echo server on io_uring: one thread, one ring, one system call for all that a turn of the loop has to do.
//
// Accept and receive are multishot: asked for once, they complete as often as something comes. What comes is in one of the buffers that all connections
// share, and that the kernel picks from; its complete lines are copied, one by one, to the connection's replies. After the turn each connection that has
// replies gets one send, and io_uring_enter takes them all. One send a connection is on its way at a time: that keeps the order.

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <liburing.h>
#include <malloc.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    SUBMISSIONS = 4096,
    COMPLETIONS = 64 * 1024,
    COMPLETIONS_A_TURN = 512,
    BUFFER_SIZE = 32 * 1024,
    BUFFERS = 512, // A power of two.
    BUFFER_GROUP = 0,
    LINE_MAX_SIZE = 64 * 1024,    // The line without its LF, as lineserver's default.
    WAITING_MAX_SIZE = 256 * 1024, // A peer that leaves more than this untaken is not read from until it has taken it.
    BACKLOG = 4096,
};

// What a completion is about stands in the low bits of its user data, beside the connection.
enum operation { RECEIVE, SEND, CANCEL, ACCEPT, OPERATION_MASK = 3 };

typedef struct connection {
    int fd;
    uint32_t partial_size;
    uint32_t sending_size;
    uint32_t sent;
    uint32_t waiting_size;
    uint32_t waiting_capacity;
    char *partial;           // The beginning of a line, at its exact size; NULL when there is none.
    char *sending;           // The kernel reads from here; NULL when no send is on its way.
    char *waiting;           // Replies that go with the next send; NULL when there are none.
    struct connection *next; // In the list of those that this turn has changed.
    bool listed;
    bool receiving;          // The multishot receive stands.
    bool cancelling;
    bool ended;              // The peer sends no more: when the replies are gone, so is the connection.
    bool broken;             // There is nobody to reply to.
} connection;

static struct io_uring ring;
static struct io_uring_buf_ring *buffer_ring;
static char *buffers;
static connection *changed_first;
static int listen_fd;
static bool accepting;
static bool discards;

static void die(const char *what, int error) {
    fprintf(stderr, "c-uring: %s: %s\n", what, strerror(error));
    exit(1);
}

static void *allocate(void *old, size_t size) {
    void *memory = realloc(old, size);
    if (memory == NULL) {
        die("realloc", errno);
    }
    return memory;
}

static struct io_uring_sqe *next_submission(void) {
    struct io_uring_sqe *sqe;
    while ((sqe = io_uring_get_sqe(&ring)) == NULL) {
        int result = io_uring_submit(&ring);
        if (result < 0 && result != -EINTR && result != -EBUSY && result != -EAGAIN) {
            die("io_uring_submit", -result);
        }
    }
    return sqe;
}

// After the prepare function: that clears the user data.
static void finish(struct io_uring_sqe *sqe, void *about, enum operation operation) {
    io_uring_sqe_set_data64(sqe, (uint64_t)(uintptr_t)about | operation);
}

static void start_accept(void) {
    struct io_uring_sqe *sqe = next_submission();
    io_uring_prep_multishot_accept(sqe, listen_fd, NULL, NULL, SOCK_CLOEXEC);
    finish(sqe, NULL, ACCEPT);
    accepting = true;
}

static void start_receive(connection *c) {
    struct io_uring_sqe *sqe = next_submission();
    io_uring_prep_recv_multishot(sqe, c->fd, NULL, 0, 0);
    sqe->flags |= IOSQE_BUFFER_SELECT;
    sqe->buf_group = BUFFER_GROUP;
    finish(sqe, c, RECEIVE);
    c->receiving = true;
}

static void start_send(connection *c) {
    struct io_uring_sqe *sqe = next_submission();
    // MSG_WAITALL: what does not fit at once the kernel sends when it can, with one completion for all.
    io_uring_prep_send(sqe, c->fd, c->sending + c->sent, c->sending_size - c->sent, MSG_NOSIGNAL | MSG_WAITALL);
    finish(sqe, c, SEND);
}

static void stop_receive(connection *c) {
    struct io_uring_sqe *sqe = next_submission();
    io_uring_prep_cancel64(sqe, (uint64_t)(uintptr_t)c | RECEIVE, 0);
    finish(sqe, c, CANCEL);
    c->cancelling = true;
}

static void change(connection *c) {
    if (!c->listed) {
        c->listed = true;
        c->next = changed_first;
        changed_first = c;
    }
}

static void break_connection(connection *c) {
    c->ended = c->broken = true;
    shutdown(c->fd, SHUT_RDWR); // Ends the receive, too.
}

// Each complete line is copied to the replies, or dropped; what is left over is kept.
static void take(connection *c, const char *data, size_t size) {
    const char *end = data + size;
    const char *line = data;
    const char *lf;
    if (!discards && c->waiting_size + c->partial_size + size > c->waiting_capacity) {
        c->waiting_capacity = (uint32_t)(c->waiting_size + c->partial_size + size);
        c->waiting = allocate(c->waiting, c->waiting_capacity);
    }
    while (line < end && (lf = memchr(line, '\n', (size_t)(end - line))) != NULL) {
        if (c->partial_size > 0) {
            if (!discards) {
                memcpy(c->waiting + c->waiting_size, c->partial, c->partial_size);
                c->waiting_size += c->partial_size;
            }
            c->partial_size = 0;
            free(c->partial);
            c->partial = NULL;
        }
        size_t length = (size_t)(lf + 1 - line);
        if (!discards) {
            memcpy(c->waiting + c->waiting_size, line, length);
            c->waiting_size += (uint32_t)length;
        }
        line = lf + 1;
    }
    size_t rest = (size_t)(end - line);
    if (rest > 0) {
        if (c->partial_size + rest > LINE_MAX_SIZE) {
            fprintf(stderr, "c-uring: a line of more than %d bytes; its connection is closed\n", LINE_MAX_SIZE);
            break_connection(c);
            return;
        }
        c->partial = allocate(c->partial, c->partial_size + rest);
        memcpy(c->partial + c->partial_size, line, rest);
        c->partial_size += (uint32_t)rest;
    }
}

static void received(connection *c, const struct io_uring_cqe *cqe) {
    if (!(cqe->flags & IORING_CQE_F_MORE)) {
        c->receiving = false;
    }
    if (cqe->flags & IORING_CQE_F_BUFFER) {
        unsigned id = cqe->flags >> IORING_CQE_BUFFER_SHIFT;
        char *data = buffers + (size_t)id * BUFFER_SIZE;
        if (cqe->res > 0 && !c->broken) {
            take(c, data, (size_t)cqe->res);
        }
        io_uring_buf_ring_add(buffer_ring, data, BUFFER_SIZE, (unsigned short)id, io_uring_buf_ring_mask(BUFFERS), 0);
        io_uring_buf_ring_advance(buffer_ring, 1);
    }
    if (cqe->res == 0) {
        c->ended = true;
    } else if (cqe->res < 0 && cqe->res != -ENOBUFS && cqe->res != -ECANCELED && !c->broken) {
        break_connection(c);
    }
    change(c); // Without a buffer (ENOBUFS) it starts again at the end of the turn, when there are some.
}

static void sent(connection *c, int result) {
    if (result > 0) {
        c->sent += (uint32_t)result;
    } else if (!c->broken) {
        break_connection(c);
    }
    if (!c->broken && c->sent < c->sending_size) {
        start_send(c);
        return;
    }
    free(c->sending);
    c->sending = NULL;
    change(c);
}

static void accepted(const struct io_uring_cqe *cqe) {
    accepting = (cqe->flags & IORING_CQE_F_MORE) != 0;
    if (cqe->res < 0) {
        return; // EMFILE and its like; it is asked again after the turn.
    }
    connection *c = calloc(1, sizeof *c);
    if (c == NULL) {
        die("calloc", errno);
    }
    c->fd = cqe->res; // It has TCP_NODELAY from the listener.
    start_receive(c);
}

static void complete(const struct io_uring_cqe *cqe) {
    uint64_t data = cqe->user_data;
    connection *c = (connection *)(uintptr_t)(data & ~(uint64_t)OPERATION_MASK);
    switch (data & OPERATION_MASK) {
    case RECEIVE:
        received(c, cqe);
        break;
    case SEND:
        sent(c, cqe->res);
        break;
    case CANCEL:
        c->cancelling = false;
        change(c);
        break;
    case ACCEPT:
        accepted(cqe);
        break;
    }
}

// After a turn: what each connection needs next.
static void go_on(connection *c) {
    if (c->broken) {
        c->waiting_size = 0;
    }
    if (c->sending == NULL && c->waiting_size > 0) {
        c->sending = c->waiting;
        c->sending_size = c->waiting_size;
        c->sent = 0;
        c->waiting = NULL;
        c->waiting_size = c->waiting_capacity = 0;
        start_send(c);
    }
    if (c->ended) {
        if (c->sending == NULL && !c->receiving && !c->cancelling) {
            close(c->fd);
            free(c->partial);
            free(c->waiting);
            free(c);
        }
        return;
    }
    bool full = c->waiting_size > WAITING_MAX_SIZE;
    if (full && c->receiving && !c->cancelling) {
        stop_receive(c);
    } else if (!full && !c->receiving) {
        start_receive(c);
    }
}

static void start_ring(void) {
    struct io_uring_params params = {
        // Completions are worked on when this thread asks for them, and at no other time.
        .flags = IORING_SETUP_CQSIZE | IORING_SETUP_SUBMIT_ALL | IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN,
        .cq_entries = COMPLETIONS,
    };
    int result = io_uring_queue_init_params(SUBMISSIONS, &ring, &params);
    if (result < 0) {
        die("io_uring_setup (Linux 6.1 is needed, and kernel.io_uring_disabled=0)", -result);
    }
    size_t ring_size = BUFFERS * sizeof(struct io_uring_buf);
    size_t size = ring_size + (size_t)BUFFERS * BUFFER_SIZE;
    char *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_ANONYMOUS | MAP_PRIVATE, -1, 0);
    if (memory == MAP_FAILED) {
        die("mmap", errno);
    }
    // The ring of buffers must be at the beginning of a page; the buffers need not.
    buffer_ring = (struct io_uring_buf_ring *)memory;
    buffers = memory + ring_size;
    struct io_uring_buf_reg registration = {.ring_addr = (uint64_t)(uintptr_t)buffer_ring, .ring_entries = BUFFERS, .bgid = BUFFER_GROUP};
    result = io_uring_register_buf_ring(&ring, &registration, 0);
    if (result < 0) {
        die("io_uring_register_buf_ring", -result);
    }
    io_uring_buf_ring_init(buffer_ring);
    for (unsigned short i = 0; i < BUFFERS; i++) {
        io_uring_buf_ring_add(buffer_ring, buffers + (size_t)i * BUFFER_SIZE, BUFFER_SIZE, i, io_uring_buf_ring_mask(BUFFERS), i);
    }
    io_uring_buf_ring_advance(buffer_ring, BUFFERS);
}

static void listen_on(int port) {
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int on = 1;
    listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (listen_fd < 0 || setsockopt(listen_fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0
        || setsockopt(listen_fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0) {
        die("socket", errno);
    }
    if (bind(listen_fd, (struct sockaddr *)&name, sizeof name) != 0) {
        die("bind", errno);
    }
    if (listen(listen_fd, BACKLOG) != 0) {
        die("listen", errno);
    }
}

int main(int argc, char **argv) {
    bool knows_handler = argc == 5 && strcmp(argv[3], "--handler") == 0 && (strcmp(argv[4], "echo") == 0 || strcmp(argv[4], "discard") == 0);
    if ((argc != 3 && !knows_handler) || strcmp(argv[1], "--port") != 0) {
        fprintf(stderr, "usage: c-uring --port N [--handler echo|discard]\n");
        return 2;
    }
    discards = knows_handler && strcmp(argv[4], "discard") == 0;
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    // Replies come and go with every turn; their memory stays.
    mallopt(M_MMAP_THRESHOLD, 16 * 1024 * 1024);
    mallopt(M_TRIM_THRESHOLD, 64 * 1024 * 1024);
    start_ring();
    listen_on(atoi(argv[2]));

    struct io_uring_cqe *cqes[COMPLETIONS_A_TURN];
    for (;;) {
        if (!accepting) {
            start_accept();
        }
        int result = io_uring_submit_and_wait(&ring, 1);
        if (result < 0 && result != -EINTR && result != -EBUSY && result != -EAGAIN) {
            die("io_uring_enter", -result);
        }
        unsigned count = io_uring_peek_batch_cqe(&ring, cqes, COMPLETIONS_A_TURN);
        for (unsigned i = 0; i < count; i++) {
            complete(cqes[i]);
        }
        io_uring_cq_advance(&ring, count);
        while (changed_first != NULL) {
            connection *c = changed_first;
            changed_first = c->next;
            c->listed = false;
            go_on(c);
        }
    }
}
