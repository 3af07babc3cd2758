#!/bin/sh
# Starts Open WebUI with its secrets: it reads some of them only from the environment, so they are put there inside the
# container, where `docker inspect` does not look.
set -eu
from=${SECRETS_DIR:-/run/secrets}
secret() {
    [ -s "$from/$1" ] || { echo "open-webui: the secret $1 is missing in $from; the service init makes it" >&2; exit 78; }
    cat "$from/$1"
}
WEBUI_SECRET_KEY=$(secret open_webui_session_key)
WEBUI_ADMIN_PASSWORD=$(secret open_webui_admin_password)
OPENAI_API_KEYS=$(secret gateway_key)
export WEBUI_SECRET_KEY WEBUI_ADMIN_PASSWORD OPENAI_API_KEYS
exec bash /app/backend/start.sh "$@"
