<?php
/**
 * Receives webhooks of payment-poller and verifies them, with nothing but PHP 8.1.
 *
 *     WEBHOOK_SECRET=whsec_... php -S 127.0.0.1:8000 examples/webhook.php
 *
 * The signature is that of https://www.standardwebhooks.com. During a rotation a message carries a signature of the old secret
 * and one of the new: replace WEBHOOK_SECRET at any time meanwhile.
 */

declare(strict_types=1);

const TOLERANCE_SECONDS = 300;

/** True if the message was signed with this secret, not more than five minutes ago. $body: the bytes as received. */
function is_genuine(string $secret, string $id, string $timestamp, string $signatures, string $body): bool
{
    if ($id === '' || !ctype_digit($timestamp) || abs(time() - (int) $timestamp) > TOLERANCE_SECONDS) {
        return false;
    }
    $key = base64_decode(substr($secret, strlen('whsec_')), true);
    if (!str_starts_with($secret, 'whsec_') || $key === false || $key === '') {
        throw new InvalidArgumentException('WEBHOOK_SECRET must be a secret that begins with whsec_');
    }
    $expected = 'v1,' . base64_encode(hash_hmac('sha256', "$id.$timestamp.$body", $key, true));
    foreach (explode(' ', $signatures) as $signature) {
        if (hash_equals($expected, $signature)) {
            return true;
        }
    }
    return false;
}

/**
 * Replace this. A message may come again, with the same $messageId: in one transaction, insert the id into a table where it is
 * unique, and update the order only if `stateversion` is higher than the one stored with it.
 */
function handle(string $messageId, array $event): void
{
    $data = $event['data'] ?? [];
    file_put_contents('php://stderr', sprintf(
        "%s %s %s\n",
        $event['id'],
        $data['status'] ?? $event['type'],
        $data['reason'] ?? $data['receipt'] ?? '',
    ));
}

$body = file_get_contents('php://input');
$id = $_SERVER['HTTP_WEBHOOK_ID'] ?? '';
$timestamp = $_SERVER['HTTP_WEBHOOK_TIMESTAMP'] ?? '';
$signatures = $_SERVER['HTTP_WEBHOOK_SIGNATURE'] ?? '';

if (!is_genuine((string) getenv('WEBHOOK_SECRET'), $id, $timestamp, $signatures, $body)) {
    http_response_code(401);
    return;
}
// Anything but a 2xx within ten seconds is sent again. Leave long work to a queue.
handle($id, json_decode($body, true, flags: JSON_THROW_ON_ERROR));
http_response_code(204);
