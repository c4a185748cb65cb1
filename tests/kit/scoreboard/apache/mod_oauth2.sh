#!/bin/sh
# Apache with mod_oauth2 of Debian: https://github.com/OpenIDC/mod_oauth2
set -eu
modules=/usr/lib/apache2/modules
home=$(mktemp -d)
mkdir "$home/www"
echo served >"$home/www/protected"
cat >"$home/apache.conf" <<END
ServerName localhost
ServerRoot $home
PidFile $home/pid
ErrorLog $home/error.log
Listen 127.0.0.1:$PORT
LoadModule mpm_event_module $modules/mod_mpm_event.so
LoadModule authn_core_module $modules/mod_authn_core.so
LoadModule authz_core_module $modules/mod_authz_core.so
LoadModule authz_user_module $modules/mod_authz_user.so
LoadModule oauth2_module $modules/mod_oauth2.so
DocumentRoot $home/www
<Location /protected>
    AuthType oauth2
    OAuth2TokenVerify jwks_uri $JWKS_URL jwks_uri.ssl_verify=false&verify.exp=required
    <RequireAll>
        Require valid-user
        Require oauth2_claim iss:$ISSUER
        Require oauth2_claim aud:$AUDIENCE
    </RequireAll>
</Location>
END
exec /usr/sbin/apache2 -f "$home/apache.conf" -DFOREGROUND
