/* task.c - tasks that share a client (chain.h), and the way in which everything here asks: a batch belongs to the task that submitted it.
 *
 * A task has a thread of its own, but only the one whose turn it is runs: `running`. It holds the lock, and gives the turn away
 * only where it waits for a reply and another one can go on. When nobody can, it waits for the endpoints and hands out
 * what comes. */
#include "client.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>

struct chain_task {
    struct chain_client *client;
    chain_task_fn *run; /* NULL: the caller's own thread */
    void *context;
    pthread_t thread;
    pthread_cond_t turn;
    struct rpc_batch *done, **done_end; /* came back, in this order, and not taken yet */
    size_t alive;                       /* batches submitted and not taken */
    bool begun, ended, stopped;
    const struct chain_task *awaited; /* to end */
    struct chain_task *next;
};

struct tasks {
    pthread_mutex_t lock;
    struct chain_task own, *running;
    bool ending;
};

enum tracer_status tasks_open(struct chain_client *client, struct error *err)
{
    struct tasks *tasks = calloc(1, sizeof *tasks);
    if (!tasks)
        return error_set(err, TRACER_E_NOMEM, "no memory");
    tasks->own = (struct chain_task){.client = client, .begun = true};
    tasks->own.done_end = &tasks->own.done;
    tasks->running = &tasks->own;
    pthread_mutex_init(&tasks->lock, NULL);
    pthread_cond_init(&tasks->own.turn, NULL);
    pthread_mutex_lock(&tasks->lock);
    client->tasks = tasks;
    return TRACER_OK;
}

void tasks_close(struct chain_client *client)
{
    struct tasks *tasks = client->tasks;
    if (!tasks)
        return;
    chain_tasks_end(client);
    pthread_mutex_unlock(&tasks->lock);
    pthread_mutex_destroy(&tasks->lock);
    pthread_cond_destroy(&tasks->own.turn);
    free(tasks);
    client->tasks = NULL;
}

bool client_asks_ahead(const struct chain_client *client)
{
    return client->tasks->running != &client->tasks->own;
}

/* ---- turns ---- */

static bool can_go_on(const struct chain_task *task)
{
    return !task->ended && (!task->begun || task->done || (task->awaited && task->awaited->ended));
}

/* The caller first, since the others only run ahead of it; then in turn from the one that is running. */
static struct chain_task *next_turn(struct tasks *tasks)
{
    struct chain_task *task = &tasks->own;
    if (tasks->ending || can_go_on(task))
        return tasks->ending ? NULL : task;
    task = tasks->running;
    do {
        task = task->next ? task->next : &tasks->own;
        if (can_go_on(task))
            return task;
    } while (task != tasks->running);
    return NULL;
}

static void pass_turn(struct tasks *tasks, struct chain_task *to)
{
    tasks->running = to;
    pthread_cond_signal(&to->turn);
}

static void give_way(struct tasks *tasks, struct chain_task *to)
{
    struct chain_task *me = tasks->running;
    pass_turn(tasks, to);
    while (tasks->running != me)
        pthread_cond_wait(&me->turn, &tasks->lock);
}

static void *run(void *argument)
{
    struct chain_task *me = argument, *next;
    struct tasks *tasks = me->client->tasks;
    pthread_mutex_lock(&tasks->lock);
    while (tasks->running != me)
        pthread_cond_wait(&me->turn, &tasks->lock);
    me->begun = true;
    me->run(me->context);
    assert(!me->alive);
    me->ended = true;
    next = next_turn(tasks);
    pass_turn(tasks, next ? next : &tasks->own);
    pthread_mutex_unlock(&tasks->lock);
    return NULL;
}

enum tracer_status chain_task_begin(struct chain_client *client, chain_task_fn *function, void *context, struct chain_task **ret_task, struct error *err)
{
    struct tasks *tasks = client->tasks;
    struct chain_task *task = calloc(1, sizeof *task), **end = &tasks->own.next;
    if (!task)
        return error_set(err, TRACER_E_NOMEM, "no memory");
    *task = (struct chain_task){.client = client, .run = function, .context = context};
    task->done_end = &task->done;
    pthread_cond_init(&task->turn, NULL);
    if (pthread_create(&task->thread, NULL, run, task) != 0) {
        pthread_cond_destroy(&task->turn);
        free(task);
        return error_set(err, TRACER_E_NOMEM, "no thread");
    }
    while (*end)
        end = &(*end)->next;
    *end = task;
    *ret_task = task;
    return TRACER_OK;
}

bool chain_task_ended(const struct chain_task *task)
{
    return task->ended;
}

/* ---- batches ---- */

enum tracer_status client_submit(struct chain_client *client, struct rpc_batch *batch, struct error *err)
{
    enum tracer_status status = rpc_submit(client->rpc, batch, err);
    if (!status) {
        batch->task = client->tasks->running;
        client->tasks->running->alive++;
    }
    return status;
}

enum tracer_status client_reject(struct chain_client *client, struct rpc_batch *batch, const struct error *why, struct error *err)
{
    enum tracer_status status = rpc_reject(client->rpc, batch, why, err);
    if (!status) {
        batch->task = client->tasks->running;
        client->tasks->running->alive++;
    }
    return status;
}

static void take(struct chain_task *task, struct rpc_batch *batch)
{
    for (struct rpc_batch **at = &task->done; *at; at = &(*at)->next)
        if (*at == batch) {
            *at = batch->next;
            task->done_end = *at ? task->done_end : at;
            break;
        }
    task->alive--;
    batch->task = NULL;
    batch->next = NULL;
}

void client_release(struct rpc_batch *batch)
{
    if (batch->task)
        take(batch->task, batch);
    rpc_batch_release(batch);
}

/* One reply from the endpoints, to whom it belongs. */
static enum tracer_status receive(struct chain_client *client, struct error *err)
{
    struct rpc_batch *batch;
    enum tracer_status status = rpc_wait(client->rpc, &batch, err);
    if (status)
        return status;
    struct chain_task *task = batch->task;
    *task->done_end = batch;
    task->done_end = &batch->next;
    return TRACER_OK;
}

enum tracer_status client_wait(struct chain_client *client, struct rpc_batch **ret_batch, struct error *err)
{
    struct tasks *tasks = client->tasks;
    struct chain_task *me = tasks->running;
    enum tracer_status status = TRACER_OK;
    while (!status) {
        if (me->stopped)
            return error_set(err, TRACER_E_STOPPED, "stopped");
        if (me->done) {
            *ret_batch = me->done;
            take(me, me->done);
            return TRACER_OK;
        }
        if (!me->alive)
            return error_set(err, TRACER_E_NOT_FOUND, "nothing is under way");
        struct chain_task *next = next_turn(tasks);
        if (next)
            give_way(tasks, next);
        else
            status = receive(client, err);
    }
    return status;
}

enum tracer_status chain_task_wait(struct chain_client *client, const struct chain_task *task, struct error *err)
{
    struct tasks *tasks = client->tasks;
    enum tracer_status status = TRACER_OK;
    assert(tasks->running == &tasks->own);
    tasks->own.awaited = task;
    while (!task->ended && !status) {
        struct chain_task *next = next_turn(tasks);
        if (next)
            give_way(tasks, next);
        else
            status = receive(client, err);
    }
    tasks->own.awaited = NULL;
    return status;
}

void chain_tasks_end(struct chain_client *client)
{
    struct tasks *tasks = client->tasks;
    assert(tasks->running == &tasks->own);
    tasks->ending = true;
    while (tasks->own.next) {
        struct chain_task *task = tasks->own.next;
        task->stopped = true;
        if (!task->ended)
            give_way(tasks, task);
        assert(task->ended);
        pthread_mutex_unlock(&tasks->lock); /* its thread may still hold on to it, at its very end */
        pthread_join(task->thread, NULL);
        pthread_mutex_lock(&tasks->lock);
        tasks->own.next = task->next;
        pthread_cond_destroy(&task->turn);
        free(task);
    }
    tasks->ending = false;
}
